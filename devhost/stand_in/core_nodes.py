"""The nodes of the first workflow a new user sees, by name and sockets alone: nothing runs here."""

from __future__ import annotations

from typing import Any

_Inputs = dict[str, Any]


def _node(category: str, inputs: _Inputs, outputs: tuple[str, ...], *, is_output: bool = False) -> type:
    def input_types(_cls: type) -> dict[str, _Inputs]:
        return {"required": inputs}

    return type(
        "CoreNode",
        (),
        {
            "INPUT_TYPES": classmethod(input_types),
            "RETURN_TYPES": outputs,
            "CATEGORY": category,
            "OUTPUT_NODE": is_output,
            "FUNCTION": "run",
        },
    )


_TEXT = ("STRING", {"multiline": True})
_SIDE = ("INT", {"default": 512, "min": 16, "max": 16384, "step": 8})

CORE_NODES: dict[str, type] = {
    "CheckpointLoaderSimple": _node("loaders", {"ckpt_name": ([],)}, ("MODEL", "CLIP", "VAE")),
    "CLIPTextEncode": _node("conditioning", {"text": _TEXT, "clip": ("CLIP",)}, ("CONDITIONING",)),
    "EmptyLatentImage": _node(
        "latent",
        {"width": _SIDE, "height": _SIDE, "batch_size": ("INT", {"default": 1, "min": 1})},
        ("LATENT",),
    ),
    "KSampler": _node(
        "sampling",
        {
            "model": ("MODEL",),
            "seed": ("INT", {"default": 0, "min": 0, "control_after_generate": True}),
            "steps": ("INT", {"default": 20, "min": 1}),
            "cfg": ("FLOAT", {"default": 8.0}),
            "sampler_name": (["euler"],),
            "scheduler": (["normal"],),
            "positive": ("CONDITIONING",),
            "negative": ("CONDITIONING",),
            "latent_image": ("LATENT",),
            "denoise": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0}),
        },
        ("LATENT",),
    ),
    "VAEDecode": _node("latent", {"samples": ("LATENT",), "vae": ("VAE",)}, ("IMAGE",)),
    "SaveImage": _node(
        "image",
        {"images": ("IMAGE",), "filename_prefix": ("STRING", {"default": "ComfyUI"})},
        (),
        is_output=True,
    ),
    "PreviewImage": _node("image", {"images": ("IMAGE",)}, (), is_output=True),
    "LoadImage": _node("image", {"image": ([],)}, ("IMAGE", "MASK")),
}
