"""Where the data sets that have a name can be fetched from, and how each file is told from another."""

from __future__ import annotations

from dataclasses import dataclass

MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
CIFAR = "https://www.cs.toronto.edu/~kriz/"
IMAGENETTE = "https://s3.amazonaws.com/fast-ai-imageclas/"


@dataclass(frozen=True)
class File:
    """A file to fetch.

    Attributes
    ----------
    url : str
    checksum : str
        Algorithm and digest, such as ``md5:…``, as its authors or torchvision, Keras and TensorFlow Datasets have it.
    size : int
        About how many bytes.
    """

    url: str
    checksum: str
    size: int

    @property
    def name(self) -> str:
        """What it is called."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Remote:
    """What a data set is made of.

    Attributes
    ----------
    folder : str
        The folder that it becomes; that in the archive where it is one.
    files : tuple of File
    archive : bool
        Whether it is one archive.
    unpacked : int
        Bytes that the archive may unpack to.
    """

    folder: str
    files: tuple[File, ...]
    archive: bool = False
    unpacked: int = 0

    @property
    def size(self) -> int:
        """Bytes to fetch, about."""
        return sum(file.size for file in self.files)

    @property
    def space(self) -> int:
        """Bytes of the disk that it takes while it is fetched."""
        return self.size + self.unpacked


def _idx(base: str, *files: tuple[str, str, int]) -> tuple[File, ...]:
    return tuple(File(f"{base}{name}-ubyte.gz", f"md5:{digest}", size) for name, digest, size in files)


REMOTES = {
    "mnist": Remote(
        "mnist",
        _idx(
            MNIST,
            ("train-images-idx3", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
            ("train-labels-idx1", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            ("t10k-images-idx3", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
            ("t10k-labels-idx1", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        ),
    ),
    "fashion-mnist": Remote(
        "fashion-mnist",
        _idx(
            FASHION,
            ("train-images-idx3", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            ("train-labels-idx1", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
            ("t10k-images-idx3", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            ("t10k-labels-idx1", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ),
    ),
    "cifar10": Remote(
        "cifar-10-batches-py",
        (
            File(
                f"{CIFAR}cifar-10-python.tar.gz",
                "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                170_498_071,
            ),
        ),
        archive=True,
        unpacked=300_000_000,
    ),
    "cifar100": Remote(
        "cifar-100-python",
        (
            File(
                f"{CIFAR}cifar-100-python.tar.gz",
                "sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
                169_001_437,
            ),
        ),
        archive=True,
        unpacked=300_000_000,
    ),
    "imagenette": Remote(
        "imagenette2-320",
        (
            File(
                f"{IMAGENETTE}imagenette2-320.tgz",
                "sha256:569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c",
                341_663_724,
            ),
        ),
        archive=True,
        unpacked=600_000_000,
    ),
    "imagewoof": Remote(
        "imagewoof2-320",
        (File(f"{IMAGENETTE}imagewoof2-320.tgz", "md5:0f46d997ec2264e97609196c95897a44", 330_000_000),),
        archive=True,
        unpacked=600_000_000,
    ),
}
"""Data sets by name."""
