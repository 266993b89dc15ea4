"""What stands behind a tab does nothing until it is seen, and then only what was asked of it, once."""

from nnlens.ui.core.hideable import Hideable


class Part(Hideable):
    def __init__(self):
        self.done = []

    def paint(self):
        if not self.put_off(self.paint):
            self.done.append("paint")

    def look(self):
        if not self.put_off(self.look):
            self.done.append("look")


def test_it_is_done_at_once_or_once_when_it_is_seen():
    part, other = Part(), Part()
    part.paint()
    assert part.done == ["paint"]
    part.hidden = True
    for work in (part.look, part.paint, part.look):
        work()
    other.paint()
    assert part.done == ["paint"] and other.done == ["paint"]
    part.hidden = False
    assert part.done == ["paint", "look", "paint"]
    part.hidden = False
    part.hidden = True
    part.hidden = False
    assert part.done == ["paint", "look", "paint"]
