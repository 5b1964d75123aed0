"""The nodes of the first workflow a new user sees, by name and sockets alone: nothing runs here.

The models that workflow names are offered, so that the page does not begin with a list of what is missing.
"""

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
_SIZE = {"width": _SIDE, "height": _SIDE, "batch_size": ("INT", {"default": 1, "min": 1})}

CORE_NODES: dict[str, type] = {
    "CheckpointLoaderSimple": _node(
        "loaders", {"ckpt_name": (["v1-5-pruned-emaonly-fp16.safetensors"],)}, ("MODEL", "CLIP", "VAE")
    ),
    "CLIPTextEncode": _node("conditioning", {"text": _TEXT, "clip": ("CLIP",)}, ("CONDITIONING",)),
    "EmptyLatentImage": _node("latent", _SIZE, ("LATENT",)),
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
    "UNETLoader": _node(
        "loaders",
        {"unet_name": (["z_image_turbo_bf16.safetensors"],), "weight_dtype": (["default"],)},
        ("MODEL",),
    ),
    "CLIPLoader": _node(
        "loaders",
        {"clip_name": (["qwen_3_4b.safetensors"],), "type": (["lumina2"],), "device": (["default"],)},
        ("CLIP",),
    ),
    "VAELoader": _node("loaders", {"vae_name": (["ae.safetensors"],)}, ("VAE",)),
    "ModelSamplingAuraFlow": _node(
        "model", {"model": ("MODEL",), "shift": ("FLOAT", {"default": 1.73})}, ("MODEL",)
    ),
    "EmptySD3LatentImage": _node("latent", _SIZE, ("LATENT",)),
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
