"""Commands of click, typed without a process of their own."""

from click.testing import CliRunner

from alworkflows.errors import InputError

__all__ = ["typed"]


def typed(command, *arguments, code=0):
    """Type a command 80 columns wide; return what it printed, or raise the error that a user would be told."""
    result = CliRunner(env={"COLUMNS": "80"}).invoke(command, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output
