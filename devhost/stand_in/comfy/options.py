"""Whether the command line is read; it always is."""

args_parsing = True


def enable_args_parsing(enable: bool = True) -> None:
    """Nothing is left to do: the stand-in read its command line before it gave this module out."""
    global args_parsing  # noqa: PLW0603  as ComfyUI's module
    args_parsing = enable
