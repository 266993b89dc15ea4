"""The two maps: from points to pixels, what is drawn above them, gestures, and which result they show."""
