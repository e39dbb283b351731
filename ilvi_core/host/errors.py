"""The errors that people see: one sentence of what is wrong, one hint of what to do next."""

from __future__ import annotations


class IlviError(Exception):
    """Something went wrong that a person can act on.

    message: what, where, what was expected and what was found; one sentence.  hint: what to do next.
    exit_code: what a command that stops on it exits with (0 done, 1 failed, 2 bad input, 3 try again elsewhere,
    130 cancelled).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[type[IlviError], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class InputError(IlviError):
    """What was asked for cannot be done as it stands: a file, a range or a setting is wrong."""

    exit_code = 2


class DeviceError(IlviError):
    """This machine cannot do it now (out of memory, a GPU that failed); another one may."""

    exit_code = 3


class OutOfMemory(DeviceError):
    """The device has too little memory for this size; a smaller one may fit."""


class Cancelled(IlviError):
    """Somebody stopped it; what was learned so far is kept."""

    exit_code = 130
