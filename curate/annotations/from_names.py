"""Labels that stand in the names of files: the folder, or what a pattern finds."""

import re

import pyarrow as pa

from curate.annotations.base import AskedImages, Labelled
from curate.errors import InputError, UsageError


class NoLabels:
    """Knows nothing."""

    def read(self, images: AskedImages) -> Labelled:
        """Return no label."""
        return Labelled(label=pa.nulls(len(images), pa.string()))


class FolderLabels:
    """The name of the folder that an image lies in; none at the top."""

    def read(self, images: AskedImages) -> Labelled:
        """Return the names of the folders."""
        paths = images.inside if images.inside is not None else images.path
        names = (path.rpartition("/")[0].rpartition("/")[2] or None for path in _each(paths))
        return Labelled(label=pa.array(names, pa.string(), size=len(images)))


class SourceLabels:
    """What the source itself says: a member beside the image, a column of the table or list."""

    def read(self, images: AskedImages) -> Labelled:
        """Return what the source says.

        Raises:
            InputError: It says nothing.
        """
        said = images.said if images.said is not None else pa.nulls(len(images), pa.string())
        if said.null_count == len(said):
            raise InputError(
                "the source says nothing of any label",
                hint="labels are `.cls` or `.json` members of tars, a column `label` of a table or "
                "list; see also `--labels folder`",
            )
        return Labelled(label=said)


class PatternLabels:
    """What a regular expression finds in the path."""

    def __init__(self, pattern: str) -> None:
        """Compile the pattern.

        Args:
            pattern: In Python's syntax; its group ``label`` is the label, else its first group,
                else all that it finds.

        Raises:
            UsageError: It is no regular expression.
        """
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            raise UsageError(
                f"{pattern!r} is no regular expression: {error}",
                hint=r"such as --labels 'regex:^([a-z]+)_\d+', which takes what is in brackets",
            ) from None
        groups = self._pattern.groupindex
        self._group = groups["label"] if "label" in groups else min(self._pattern.groups, 1)

    def read(self, images: AskedImages) -> Labelled:
        """Return what is found in each path.

        Raises:
            InputError: Nothing is found in any.
        """
        found = (self._pattern.search(path) for path in _each(images.path))
        names = (match[self._group] or None if match else None for match in found)
        label = pa.array(names, pa.string(), size=len(images))
        if label.null_count == len(label):
            raise InputError(
                f"{self._pattern.pattern!r} finds nothing in any path, such as "
                f"{images.path[0].as_py()}",
                hint="the pattern is looked for in the path from the folder of images on",
            )
        return Labelled(label=label)


def _each(paths: pa.Array) -> "map[str]":
    return map(pa.StringScalar.as_py, paths)
