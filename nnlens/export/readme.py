"""The page that lies in an exported folder: what is in it, how to open it, how to publish it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnlens.export.words import one_line

if TYPE_CHECKING:
    from nnlens.export.projector import Exported

PAGE = """# {title}

{samples:,} samples with {units:,} numbers each, from the nnlens run {run}, for the TensorFlow Embedding Projector.

| File | |
|---|---|
| `config.json` | names the others; their paths count from the page that shows them |
| `vectors.bytes` | {samples:,} × {units:,} numbers, float32, little-endian, a sample after the other |
| `metadata.tsv` | what is known of each sample, in the same order |
{sprite}
{notes}
## Open it

1. Get the page of the standalone viewer: `index.html` of the repository `tensorflow/embedding-projector-standalone` on
   GitHub. Put it into this folder.
2. Serve the folder; a page opened as a file may not read the others:

       python3 -m http.server 8000 --bind 127.0.0.1

3. Open `http://127.0.0.1:8000/?config=config.json`.

The viewer asks another host for its fonts and works without them. What it shows is drawn by WebGL. Of many samples its
t-SNE takes 10,000, drawn at random, and its UMAP 5,000; its PCA shows all, along axes found from 50,000, and first
projects vectors of more than 200 numbers at random to 200. Pictures hide those behind them: to see some alone, select
them and press Isolate.

## Publish it

The folder with the viewer's `index.html` is a static site: put all of it where pages are served from, such as GitHub
Pages, and give the address with `?config=config.json` at its end. Whoever opens it sees every picture, label and
file name in it: look through `metadata.tsv` and the pictures before.

The folder can be read back as a run: `nnlens capture-embeddings FOLDER RUN --labels label`.
"""


def readme(run: str, made: Exported) -> str:
    """Write the page."""
    sprite = ""
    if made.thumbnail:
        height, width = made.thumbnail
        sprite = (
            f"| `sprite.png` | a picture of {width}×{height} pixels of each, on a square grid, row by row |\n"
        )
    notes = [*made.notes]
    if made.left_out:
        notes.append(f"{made.left_out:,} samples are left out, because they have values that are not finite.")
    return PAGE.format(
        title=plain(made.title),
        run=plain(run),
        samples=made.samples,
        units=made.units,
        sprite=sprite,
        notes="".join(f"- {plain(note)}\n" for note in notes) + ("\n" if notes else ""),
    )


def plain(text: str) -> str:
    """Escape what Markdown would read as markup."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in one_line(text, 300))
