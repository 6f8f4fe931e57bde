"""Numbers of classes: those that they had where they came from, else the next that is free."""

from collections.abc import Mapping


def renumber(known: Mapping[str, int], *, first: int) -> dict[str, int]:
    """Return numbers of classes without gaps, in the order of those that they had.

    >>> renumber({"dog": 18, "car": 3}, first=0)
    {'car': 0, 'dog': 1}

    Args:
        known: Their numbers, by name.
        first: The least of the new ones.
    """
    ordered = sorted(known, key=lambda name: known[name])
    return {name: number for number, name in enumerate(ordered, first)}


class ClassNumbers:
    """Gives each class a number, in order of its first use."""

    def __init__(self, known: Mapping[str, int], *, first: int) -> None:
        """Begin with numbers that are known.

        Args:
            known: Of some classes, by name.
            first: Least number that a new class gets.
        """
        self._number_of = dict(known)
        self._next = max([first - 1, *known.values()]) + 1

    def __getitem__(self, name: str) -> int:
        """Return the number of a class."""
        if name not in self._number_of:
            self._number_of[name] = self._next
            self._next += 1
        return self._number_of[name]

    def by_number(self) -> dict[int, str]:
        """Return the names of all classes, by number, ascending."""
        return {
            number: name for name, number in sorted(self._number_of.items(), key=lambda one: one[1])
        }
