import pandas as pd
import pytest
import torch
from torch.nn import functional
from unicoord_cells import LABELS, QUICK, atlas

from panscape.training.layers import mlp
from panscape.unicoord import losses
from panscape.unicoord.evaluate import label_leak
from panscape.unicoord.labels import learn_labels
from panscape.unicoord.settings import Label
from panscape.unicoord.train import train

torch.set_num_threads(1)


def layout():
    obs = pd.DataFrame({"kind": list("abca"), "time": [0.0, 1.0, 2.0, 3.0]})
    labels = [Label("kind", "discrete", min_cells=1), Label("time", "continuous")]
    return learn_labels(obs, labels)


def test_dependence_is_invariant_to_the_scale_of_coordinates():
    random = torch.Generator().manual_seed(0)
    labels = functional.one_hot(torch.randint(3, (200,), generator=random), 3).float()
    noise = torch.randn(200, 4, generator=random)
    given = torch.ones_like(labels, dtype=torch.bool)
    telling = noise.clone()
    telling[:, :3] += 2 * labels
    scale = torch.tensor([1e-3, 1.0, 50.0, 0.1])
    assert losses.hsic(telling * scale, labels, given) == pytest.approx(
        float(losses.hsic(telling, labels, given)), rel=1e-2
    )
    assert losses.hsic(telling, labels, given) > 4 * losses.hsic(noise, labels, given) > 0


def test_adversary_trains_the_discriminator_and_confuses_it():
    random = torch.Generator().manual_seed(0)
    plan = layout()
    kind = torch.randint(3, (300,), generator=random)
    time = torch.randn(300, 1, generator=random)
    labels = torch.cat([time, functional.one_hot(kind, 3).float()], 1)
    latent = torch.cat([time, functional.one_hot(kind, 3).float()], 1) + 0.3 * torch.randn(
        300, 4, generator=random
    )
    latent.requires_grad_()
    given = torch.ones_like(labels, dtype=torch.bool)
    given[:100] = False
    torch.manual_seed(0)
    reader = mlp((4, 16, 4), last_linear=True)
    # the gradient of the discriminator is that of its prediction loss alone
    losses.adversary(reader, latent, labels, given, plan).backward()
    gradients = [weight.grad.clone() for weight in reader.parameters()]
    reader.zero_grad()
    prediction = reader(losses.standardised(latent.detach()))[100:]
    read = (
        functional.cross_entropy(prediction[:, 1:], kind[100:])
        + (prediction[:, :1] - time[100:]).square().mean()
    )
    read.backward()
    for mine, weight in zip(gradients, reader.parameters(), strict=True):
        torch.testing.assert_close(mine, weight.grad)
    # unlabelled cells act only through the standardisation; a constant discriminator has no effect
    blind = mlp((4, 16, 4), last_linear=True)
    with torch.no_grad():
        for weight in blind.parameters():
            weight.zero_()
    latent.grad = None
    losses.adversary(blind, latent, labels, given, plan).backward()
    assert not latent.grad.any()


def leak(independence):
    """Return the score of types predicted from coordinates that are not conditioned on the labels."""
    cells = atlas()
    settings = QUICK | {"conditional": False, "n_latent": 3, "min_steps": 250, "independence": independence}
    result = train(cells, LABELS, settings, seed=0)
    test = cells[result.split == "test"]
    free = result.model.embed(test).filter(like="latent-").to_numpy()
    return label_leak(free, test.obs["cell_type"], nulls=0).set_index("probe").loc["linear", "value"]


def test_labels_leak_less_into_unsupervised_coordinates():
    assert leak("none") - 0.15 > max(leak("hsic"), leak("adversary"))
