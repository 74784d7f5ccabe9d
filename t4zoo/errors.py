"""The one root of every error that a user can cause, so that entry points can print it without a traceback."""


class T4zooError(Exception):
    """A failure in the user's words: what is wrong, where (file and value), and how to mend it.

    `exit_code` is what a command ends with: 1 for a refusal or a failed check, 2 for input that cannot be understood.
    """

    exit_code = 1


class SystemRefusal(T4zooError):  # noqa: N818  (the refusal is the system's)
    """What the operating system refused: a folder in a file's place, a full disk, no right to write."""

    def __init__(self, error: OSError) -> None:
        """Put the file and the system's own reason in one line."""
        place = error.filename2 or error.filename
        reason = error.strerror or str(error) or type(error).__name__
        super().__init__(f"{place}: cannot be read or written: {reason}" if place else reason)


class UsageError(T4zooError):
    """The input itself cannot be understood: a malformed version, an unknown option, a broken configuration."""

    exit_code = 2


def in_one_line(error: Exception) -> str:
    """What another library's error says, without its line breaks."""
    return " ".join(str(error).split())
