"""How amounts are told to people."""


def format_duration(seconds: float) -> str:
    """Return seconds as ``8m 02s`` or ``1h 05m``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f}s" if seconds < 10 else f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def format_bytes(n_bytes: float) -> str:
    """Return bytes as ``1.2 GB``, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def count_of(n: int, one: str, many: str | None = None) -> str:
    """Return a number of things in words that fit it.

    >>> count_of(1, "file"), count_of(1200, "copy", "copies")
    ('1 file', '1,200 copies')

    Args:
        n: How many.
        one: What one of them is called.
        many: What several are called; None adds an s.
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
