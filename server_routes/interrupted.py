"""A job that was running when its process died, told as what became of it."""

from __future__ import annotations

from ..resolver.engine.job_history import Fate
from . import wire
from .job import now

_HINTS = {
    "committed": ("roll-back", "Roll back if you do not want it."),
    "rolled-back": ("try-again", "Ask for it again."),
    "waiting": ("restart", "Restart ComfyUI to have it carried out, or cancel it."),
    "unfinished": ("recover", "Restart ComfyUI, or run `safe-install recover`."),
    "nothing": ("try-again", "Ask for it again."),
    "unknown": ("see-history", "See `safe-install history`."),
}


def as_interrupted(view: wire.Job, fate: Fate) -> wire.Job:
    """The job, over, with what the journal says of its transaction."""
    began = (
        "ComfyUI ended before this was begun." if view.state == "queued" else "ComfyUI ended while this ran."
    )
    message = f"{began} {fate.said}"
    code, text = _HINTS[fate.code]
    return view.model_copy(
        update={
            "state": "interrupted",
            "ended": now(),  # When it was noticed: nobody saw it end.
            "cancellable": False,
            "progress": None,
            "result": {"transaction": view.transaction_id, "outcome": fate.code, "snapshot": fate.snapshot},
            "error": wire.Fault(
                code="interrupted",
                message=message,
                context={"outcome": fate.code, "transaction": view.transaction_id or ""},
                hints=[wire.HintWords(code=code, text=text)],
            ),
            "status": wire.TaskStatus(status_str="error", completed=True, messages=[message]),
        }
    )
