"""Shards as data sets of torch, for anybody's training: `DataLoader(ShardImages(shard_paths("results/shards")))`.

Pictures are mapped, not read: a data set costs the memory of its parameters. Workers may be forked or spawned.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from models3d.errors import InputError
from pipeline.gan.order import groups_of_pairs
from pipeline.gan.pictures import Pictures, read_pictures
from pipeline.seeds import generator
from pipeline.shard_meanings import PRODUCTS

SPLITS = ("train", "test", "all")
Transform = Callable[[Tensor], Tensor]


def shard_paths(folder: str | Path, kinds: Sequence[str] = tuple(PRODUCTS), dataset: str = "*") -> list[Path]:
    """The shards below `results/shards`, of some kinds and one dataset or all, in the order of their names.

    Raises InputError if there are none.
    """
    found = [path for kind in kinds for path in sorted(Path(folder).glob(f"{kind}/{dataset}/*.h5"))]
    if not found:
        remedy = "name the folder that holds annotated/, paired/ or meshes/, and kinds that were made"
        raise InputError(folder, f"holds no shards of {', '.join(kinds)}", remedy)
    return found


class ShardImages(Dataset):
    """Every picture by itself: `image` (3, H, W) uint8, `params` (P,) float32 in [-1, 1], `id`, `exact`.

    `exact` says whether the parameters are known rather than fitted. `components` names the parameters, `range` says
    how many standard deviations a parameter of 1 is.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        split: str = "all",
        held_out_share: float = 0.1,
        transform: Transform | None = None,
    ) -> None:
        """
        split           `train`, `test` or `all`: by the shard's own split, else by a hash of the face's id
        held_out_share  of the faces, where the shard has no split of its own
        transform       of the image

        Raises InputError for another split, and where `pipeline.gan.pictures.read_pictures` does: shards that are
        missing, broken, or of different models, components, ranges or sizes.
        """
        if split not in SPLITS:
            raise InputError(f"split '{split}'", "is none of the splits", f"use one of {', '.join(SPLITS)}")
        self.paths, self.split, self.held_out_share = [Path(path) for path in paths], split, held_out_share
        self.transform = transform
        self._open()

    def _open(self) -> None:
        self._pictures: Pictures = read_pictures(self.paths, self.held_out_share)
        held_out = self._pictures.held_out
        self._chosen = {"train": ~held_out, "test": held_out, "all": np.ones_like(held_out)}[self.split]
        self._rows = np.flatnonzero(self._chosen)

    def __getstate__(self) -> dict[str, object]:
        """Without what is mapped: a spawned worker maps it anew."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._open()

    @property
    def components(self) -> tuple[str, ...]:
        return self._pictures.condition.component_names

    @property
    def range(self) -> float:
        return self._pictures.condition.range

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, object]:
        row = int(self._rows[index])
        picture = {"image": self._image(row), "params": self._params(row)}
        return picture | {"id": self._pictures.ids[row], "exact": bool(self._pictures.pairable[row])}

    def _image(self, row: int) -> Tensor:
        image = torch.from_numpy(np.array(self._pictures.image(row))).permute(2, 0, 1)
        return self.transform(image) if self.transform else image

    def _params(self, row: int) -> Tensor:
        return torch.from_numpy(self._pictures.params[row].copy())


class ShardPairs(ShardImages):
    """Two pictures of one face and session whose parameters are exact: `original`, `target`, and `..._params`.

    Item i is the i-th such picture as the original; its target is drawn anew each epoch, by seed, epoch and i alone.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        split: str = "all",
        held_out_share: float = 0.1,
        transform: Transform | None = None,
        seed: int = 0,
    ) -> None:
        """As ShardImages; raises InputError too if there is not a single pair."""
        self.seed, self.epoch = seed, 0
        super().__init__(paths, split, held_out_share, transform)

    def _open(self) -> None:
        super()._open()
        groups = groups_of_pairs(self._pictures, self._chosen)
        if not groups:
            raise InputError(
                "pairs", "no face has two pictures with exact parameters", "add `paired` or `meshes` shards"
            )
        self._rows = np.concatenate(groups)
        self._group = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        self._groups = groups

    def set_epoch(self, epoch: int) -> None:
        """Other targets; workers that stay alive between epochs (`persistent_workers`) do not hear of it."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, object]:
        row, group = int(self._rows[index]), self._groups[self._group[index]]
        others = group[group != row]
        drawn = generator(self.seed, "datasets", "pair", self.epoch, index).integers(len(others))
        target = int(others[drawn])
        return {
            "original": self._image(row),
            "original_params": self._params(row),
            "target": self._image(target),
            "target_params": self._params(target),
            "id": self._pictures.ids[row],
        }
