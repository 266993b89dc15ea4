"""RISE against a naive version of the paper's, and against what it must find."""

import numpy as np
import pytest
from nnlens_attribution.rise import RISE, draw_masks, rise

torch = pytest.importorskip("torch", reason="torch is an extra")


def test_masks_are_cells_enlarged_to_one_cell_more_and_moved():
    masks = draw_masks(np.random.default_rng(0), 9, 5, 0.4, 16, 18)
    cell = 4, 4  # 16 / 5 and 18 / 5, rounded up
    for number in range(9):
        grid = torch.from_numpy(masks.grids[number].astype(np.float32))[None, None]
        large = torch.nn.functional.interpolate(grid, (6 * cell[0], 6 * cell[1]), mode="bilinear")[
            0, 0
        ].numpy()
        down, right = masks.shifts[number]
        assert 0 <= down < 4
        assert 0 <= right < 4
        wanted = large[down : down + 16, right : right + 18]
        assert np.allclose(masks.drawn(slice(number, number + 1))[0], wanted, atol=1e-6)
    many = draw_masks(np.random.default_rng(1), 3000, 5, 0.4, 16, 18)
    assert abs(many.drawn(slice(0, 3000)).mean() - 0.4) < 0.01
    assert set(many.shifts.ravel()) == {0, 1, 2, 3}


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_the_map_is_the_mean_of_masks_weighted_by_the_probability(batch):
    rng = np.random.default_rng(2)
    image, weight = rng.normal(size=(3, 16, 18)).astype(np.float32), rng.normal(size=(3, 16, 18))
    masks = draw_masks(rng, 30, 4, 0.5, 16, 18)
    naive = np.zeros((16, 18))
    for number in range(30):
        mask = masks.drawn(slice(number, number + 1))[0]
        probability = 1 / (1 + np.exp(-(image * mask * weight).sum()))
        naive += probability * mask
    found = rise(
        image, masks, lambda x: 1 / (1 + np.exp(-(x * weight).sum((1, 2, 3)))), batch, lambda _: False
    )
    assert np.allclose(found, naive / 30 / 0.5, rtol=1e-4)


def test_a_network_that_looks_at_one_patch_gets_its_map_there():
    masks = draw_masks(np.random.default_rng(0), 2000, 7, 0.5, 28, 28)
    found = rise(
        np.ones((1, 28, 28), np.float32),
        masks,
        lambda x: x[:, 0, 9:13, 17:21].mean((1, 2)),
        100,
        lambda _: False,
    )
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 8 <= row <= 13
    assert 16 <= column <= 21
    # the rest is flat: the mean of the probability, whatever the mask
    far = found[:, :10]
    assert far.std() < 0.1 * (found.max() - far.mean())


def test_a_stop_gives_the_mean_so_far():
    masks = draw_masks(np.random.default_rng(0), 40, 4, 0.5, 9, 9)
    few = draw_masks(np.random.default_rng(0), 40, 4, 0.5, 9, 9)
    few = type(few)(few.grids[:20], few.shifts[:20], 9, 9, 0.5)
    image = np.ones((1, 9, 9), np.float32)

    def score(x):
        return x.mean((1, 2, 3))

    assert np.allclose(
        rise(image, masks, score, 10, lambda done: done >= 20), rise(image, few, score, 10, lambda _: False)
    )


def test_samples_of_a_request_see_the_same_masks(network, pictures, asking):
    _, model, _ = network
    together = RISE(masks=20).compute(pictures, asking(model))
    for place in (0, 6):
        alone = RISE(masks=20).compute(pictures.isel(sample=[place]), asking(model))
        assert np.allclose(alone["attribution"][0], together["attribution"][place], rtol=1e-4, atol=1e-6)


def test_the_probability_of_the_target_is_what_weighs(network, pictures, asking):
    module, model, _ = network
    context = asking(model, target=2)
    result = RISE(masks=12, cells=3, probability=0.7).compute(pictures, context)
    masks = draw_masks(asking(model).rng, 12, 3, 0.7, 16, 18).drawn(slice(0, 12))
    inputs = model.prepare(pictures["image"].values)
    for place in range(7):
        masked = torch.from_numpy(inputs[place] * masks[:, None])
        chances = module(masked).softmax(1)[:, 2].detach().numpy()
        naive = sum(chance * mask for chance, mask in zip(chances, masks, strict=True)) / 12 / 0.7
        assert np.allclose(result["attribution"][place], naive, rtol=1e-3, atol=1e-6)
