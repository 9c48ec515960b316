"""AutoAugment and RandAugment, one image at a time, as timm defines them.

torchvision's version draws once for a whole batch when it is given one, which is another and weaker
method. timm's works on PIL images and draws from Python's and numpy's global generators: here they
are seeded from the training's own and put back afterwards.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.errors import TrainingError
from nas.training.optional import require_timm

# The mean colour of ImageNet, which fills what a rotation or a shift uncovers; as timm has it.
_FILL = (124, 116, 104)


class Policy:
    """An automatic augmentation by timm's words: "rand-m9-mstd0.5", "autoaugment", "augmix-m3".

    px: side of the images in pixels; shifts are a share of it.
    Raises: TrainingError for words that timm does not know, or without timm.
    """

    def __init__(self, words: str, px: int) -> None:
        self.words = words
        module: Any = require_timm("automatic augmentation", "timm.data.auto_augment")
        settings = {"translate_const": int(px * 0.45), "img_mean": _FILL}
        try:
            if words.startswith("rand"):
                self._transform = module.rand_augment_transform(words, settings)
            elif words.startswith("augmix"):
                self._transform = module.augment_and_mix_transform(words, settings)
            else:
                name = "original" if words == "autoaugment" else words
                self._transform = module.auto_augment_transform(name, settings)
        except Exception as error:
            raise TrainingError(
                f"auto_augment is '{words}', which timm does not know ({type(error).__name__}); "
                "use 'autoaugment' or words such as 'rand-m9-mstd0.5'"
            ) from None

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images (B, 3, H, W) with values from 0 to 255; float32 of the same shape and device."""
        from PIL import Image

        seed = int(torch.randint(0, 1 << 32, (), generator=generator, dtype=torch.int64))
        bytes_of = images.round().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            changed = np.stack(
                [np.asarray(self._transform(Image.fromarray(image))) for image in bytes_of]
            )
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
        result = torch.from_numpy(changed).permute(0, 3, 1, 2)
        return result.to(images.device).to(torch.float32).contiguous()
