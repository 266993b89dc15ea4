"""What in an image drives a network: attribution methods, and checks of what they show."""
