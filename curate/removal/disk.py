"""Every change that removal makes to a disk, one step a method.

No step replaces a file that is not named as replaced, and whatever step is the last one before a
power cut, each content is still somewhere; ``tests/removal`` cuts the power at each.
"""

import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from curate.errors import ResourceError
from curate.files import disk_errors, flush
from curate.removal.content import hash_file, identify
from curate.removal.file_facts import change_owner, write_attributes

_FICLONE = 0x40049409  # ioctl of linux/fs.h
_NO_HARD_LINKS = (errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EACCES)


class Disk:
    """The file system, as removal changes it."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, where they are not there."""
        folder.mkdir(parents=True, exist_ok=True)

    def remove_empty_folder(self, folder: Path) -> None:
        """Remove a folder that is empty.

        Raises:
            OSError: It is not.
        """
        folder.rmdir()

    def link(self, file: Path, name: Path) -> None:
        """Give a file one more name; a symbolic link is named itself, not what it leads to.

        Raises:
            OSError: The name is taken, lies on another disk, or the disk has no such links.
        """
        os.link(file, name, follow_symlinks=False)

    def rename(self, file: Path, name: Path) -> None:
        """Rename a file to a name that is free, as far as one can look.

        Raises:
            FileExistsError: It is not.
            OSError: It lies on another disk.
        """
        if os.path.lexists(name):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name))
        file.rename(name)

    def replace(self, file: Path, name: Path) -> None:
        """Rename a file to a name whose old file goes.

        Raises:
            OSError: It cannot be done.
        """
        file.replace(name)

    def unlink(self, name: Path) -> None:
        """Remove a name.

        Raises:
            OSError: It cannot be done.
        """
        name.unlink()

    def copy(self, file: Path, name: Path) -> None:
        """Copy a file with its times and mode, on the disk when this returns.

        Raises:
            OSError: It cannot be done.
        """
        shutil.copy2(file, name, follow_symlinks=False)
        if not name.is_symlink():
            self.sync(name)
        self.sync(name.parent)

    def clone(self, file: Path, name: Path) -> None:
        """Copy a file by sharing its blocks, which are copied where one of both is changed.

        Raises:
            OSError: The file system cannot share blocks, or the name is taken.
        """
        if sys.platform != "linux":
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(name))
        import fcntl

        with file.open("rb") as source, name.open("xb") as target:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())

    def copy_facts(self, file: Path, name: Path) -> None:
        """Give a file the times, mode, attributes and, where one may, the owner of another.

        Raises:
            OSError: It cannot be done.
        """
        facts = file.stat()
        change_owner(name, (facts.st_uid, facts.st_gid))
        shutil.copystat(file, name)

    def set_facts(
        self,
        name: Path,
        *,
        mode: int,
        mtime_ns: int,
        owner: tuple[int, int] | None,
        attributes: Mapping[str, str] | None,
    ) -> None:
        """Give a file a mode and a time of change, an owner and attributes, where one may.

        Args:
            name: The file.
            mode: Its permissions.
            mtime_ns: Time of its last change, in ns.
            owner: Numbers of user and group; None leaves them.
            attributes: Extended attributes in base64, by name; None leaves them.

        Raises:
            OSError: Mode or time cannot be set.
        """
        if owner is not None:
            change_owner(name, owner)  # before the mode, of which a new owner takes bits away
        if attributes is not None:
            write_attributes(name, attributes)
        name.chmod(mode)
        os.utime(name, ns=(mtime_ns, mtime_ns))

    def trash(self, file: Path) -> None:
        """Put a file into the desktop's trash.

        Raises:
            OSError: It cannot be done.
            ResourceError: The package that knows the trash is missing.
        """
        try:
            from send2trash import send2trash
        except ImportError:
            raise ResourceError(
                "the desktop's trash needs the package Send2Trash",
                hint="pip install 'curate-images[trash]', or use --move DIR",
            ) from None
        send2trash(file)

    def trash_folders(self, near: Path) -> list[Path]:
        """Return the folders of trash that a file may be in, as freedesktop.org lays them out.

        Args:
            near: Where the file was.
        """
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
        folders = [data / "Trash"]
        user = os.getuid() if hasattr(os, "getuid") else 0
        for folder in near.parents:
            folders += [folder / f".Trash-{user}", folder / ".Trash" / str(user)]
        return [folder for folder in folders if (folder / "info").is_dir()]

    def are_apart(self, file: Path, other: Path) -> bool:
        """Return whether two files that are there lie on two disks; links are not followed."""
        return file.lstat().st_dev != other.lstat().st_dev

    def append(self, file: BinaryIO, line: bytes) -> None:
        """Add a line to an open file, on the disk when this returns.

        Raises:
            CurateError: The disk is full.
        """
        with disk_errors(Path(file.name)):
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def sync(self, path: Path) -> None:
        """Have a file or folder written to the disk, where the file system knows how.

        Raises:
            OSError: It cannot be.
        """
        flush(path)


def move(disk: Disk, file: Path, target: Path) -> None:
    """Move a file, a symbolic link as such, to a name that is free, onto another disk too.

    On one disk the new name is made before the old one goes, which cannot replace anything; where
    there are no hard links it is renamed. To another disk it is copied, then compared.

    Args:
        disk: Makes the changes.
        file: What is moved.
        target: Its new name; the folder is made.

    Raises:
        OSError: It cannot be done, or the file changed meanwhile; the file is where it was.
    """
    disk.make_folder(target.parent)
    try:
        disk.link(file, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _copy_then_unlink(disk, file, target)
            return
        if error.errno not in _NO_HARD_LINKS:
            raise
        disk.rename(file, target)
        return
    _drop_old_name(disk, file, target)


def _copy_then_unlink(disk: Disk, file: Path, target: Path) -> None:
    scratch = unfinished_name(target, "move")
    if os.path.lexists(scratch):
        disk.unlink(scratch)
    made = scratch
    try:
        _copy_unchanged(disk, file, scratch)
        disk.rename(scratch, target)
        made = target
        disk.sync(target.parent)
    except OSError:
        if os.path.lexists(made):
            disk.unlink(made)
        raise
    _drop_old_name(disk, file, target)


def _copy_unchanged(disk: Disk, file: Path, scratch: Path) -> None:
    """Copy a file that is the same before and after.

    Raises:
        OSError: It cannot be done, or the file changed meanwhile.
    """
    before = identify(file, follow=False)
    disk.copy(file, scratch)
    is_same = file.is_symlink() or hash_file(file) == hash_file(scratch)
    if not is_same or identify(file, follow=False) != before:
        raise OSError(errno.EBUSY, "it was changed while it was copied", str(file))


def _drop_old_name(disk: Disk, file: Path, target: Path) -> None:
    """Remove the old name of a file that has its new one; where that fails, the new one.

    Raises:
        OSError: It fails.
    """
    try:
        disk.unlink(file)
    except FileNotFoundError:  # somebody else removed it: the new name is the last one
        return
    except OSError:
        disk.unlink(target)
        raise


def unfinished_name(path: Path, purpose: str) -> Path:
    """Return a hidden name beside a path for what is not finished yet, the same at each call.

    It is none that ``curate.files.remove_scraps`` clears away: what lies there may be the last of
    its content.

    Args:
        path: Any path.
        purpose: What is being done, a word.
    """
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    return path.with_name(f".curate-{purpose}-{digest}")
