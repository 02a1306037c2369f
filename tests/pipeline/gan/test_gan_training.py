"""Steps, resuming, checkpoints, and what stops a training."""

import csv
import errno
import logging
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models3d.errors import InputError
from pipeline.gan import checkpoints, losses, steps, training
from pipeline.gan.batches import Batch, Share
from pipeline.gan.checkpoints import description_of, read_networks, read_state, write_state
from pipeline.gan.devices import choose_device
from pipeline.gan.distributed import launch
from pipeline.gan.identity_network import Embedder, IdentityNetwork, IdentityShape
from pipeline.gan.monitors import HISTORY, MaskWatch, check_numbers
from pipeline.gan.options import dimensions, learning_rate, objective, optimisation, resolve, speed
from pipeline.gan.training import Job, train
from tests.pipeline.gan.made_shards import NAMES, PARAMS, SIDE, TRAIN, write_annotated, write_paired

TILES_WIDE = 1 + 5 + 3 + 1 + 1
ALONE, CPU = Share(0, 1), torch.device("cpu")
torch.set_num_threads(1)  # as the workflow's rules have it


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan_shards")
    return write_paired(folder / "paired.h5"), write_annotated(folder / "annotated.h5")


def job(folder, shards, settings=TRAIN):
    return Job(
        shards=tuple(shards), identity=None, action_units=None, checkpoint=folder / "checkpoint.pt",
        history=folder / "history.csv", samples=folder / "samples.png", settings=settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(shards, tmp_path_factory):
    """A training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("gan_trained")
    train(job(folder, shards), ALONE)
    return folder


def players_of(settings=TRAIN, seed=0):
    return steps.make_players(
        dimensions(settings, PARAMS), seed, objective(settings), optimisation(settings), speed(settings), CPU, None
    )


def batch_of(paired=True):
    random = torch.Generator().manual_seed(1)
    images, goals = (torch.rand(4, 3, SIDE, SIDE, generator=random) * 2 - 1 for _ in range(2))
    params, wanted = (torch.rand(4, PARAMS, generator=random) * 2 - 1 for _ in range(2))
    return Batch(images, params, wanted, goals if paired else None, torch.rand(4, generator=random))


def weights_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_a_step_changes_only_its_own_network():
    players, batch = players_of(), batch_of()
    before = weights_of(players.generator.network), weights_of(players.critic.network)
    generated = steps.generate(players, batch)
    steps.critic_step(players, batch, generated.image)
    between = weights_of(players.critic.network)
    assert all(torch.equal(before[0][n], v) for n, v in players.generator.network.state_dict().items())
    assert any(not torch.equal(before[1][n], v) for n, v in between.items())
    terms = steps.generator_step(players, batch, generated)
    assert all(torch.equal(between[n], v) for n, v in players.critic.network.state_dict().items())
    assert all(not torch.equal(before[0][n], v) for n, v in players.generator.network.state_dict().items())
    assert set(terms) == {"adv", "exp", "rec", "att", "gen"}
    assert "gen" not in steps.generator_step(players, batch_of(paired=False), steps.generate(players, batch))


@pytest.mark.parametrize("term", ["adv", "gp", "exp"])
@pytest.mark.parametrize("mode", losses.MODES)
def test_one_step_lowers_each_term_of_the_critic_alone(term, mode):
    zero = {f"weight_{name}": 0.0 for name in ("adv", "gp", "exp")}
    only = {"weight_adv": 1.0, "weight_gp": 1.0} if term == "gp" else {f"weight_{term}": 1.0}
    players = players_of(replace(TRAIN, adversarial=mode, learning_rate=1e-4, **(zero | only)))
    batch = batch_of()
    fake = steps.generate(players, batch).image.detach()
    before = steps.critic_terms(players, batch, fake)
    if term == "gp":  # inside lambda_adv, so its step is taken here
        before["gp"].backward()
        players.critic.optimiser.step()
    else:
        steps.critic_step(players, batch, fake)
    assert steps.critic_terms(players, batch, fake)[term] < before[term]


@pytest.mark.parametrize("term", ["adv", "exp", "rec", "gen", "id", "att", "smooth"])
def test_one_step_lowers_each_term_of_the_generator_alone(term):
    zero = {f"weight_{name}": 0.0 for name in ("adv", "exp", "rec", "gen", "id", "att", "smooth")}
    settings = replace(TRAIN, learning_rate=1e-5, **(zero | {f"weight_{term}": 1.0}))
    torch.manual_seed(7)
    shape = IdentityShape(depth=10, width=1 / 16, input_px=32, embedding=16)
    players = players_of(settings)._replace(embed=Embedder(IdentityNetwork(shape), shape, np.eye(2, 3)))
    with torch.no_grad():
        players.critic.network.realness.weight *= 1e4  # a new critic finds nothing real: differences of 1e-7
    batch = batch_of()

    def value():
        return float(steps.generator_terms(players, batch, steps.generate(players, batch))[term].detach())

    before = value()
    steps.generator_step(players, batch, steps.generate(players, batch))
    assert value() < before


def test_equal_seeds_give_equal_weights():
    one, same, other = (players_of(seed=seed).generator.network.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_training_writes_what_it_promises(trained, shards):
    generator, critic, description = read_networks(trained / "checkpoint.pt")
    assert description.names == tuple(NAMES) and description.condition.model_digest == "m"
    assert description.condition.range == 3.0 and description.identity_network == "none"
    assert description.settings["weight_exp"] == 1000.0 and description.step > 4
    made = generator(torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1, PARAMS))
    assert torch.isfinite(made.image).all() and critic(made.image).params.shape == (1, PARAMS)
    with (trained / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == description.step and tuple(rows[0]) == HISTORY
    assert rows[0]["generator_gen"] and not rows[-1]["generator_gen"], "no pairs at the end"
    assert float(rows[-1]["learning_rate"]) < float(rows[0]["learning_rate"])
    assert (trained / "samples.png").is_file() and list((trained / "events").iterdir())
    assert not list(trained.glob("*.running.pt"))


def test_tensorboard_gets_curves_and_pictures(trained):
    events = EventAccumulator(str(trained / "events"), size_guidance={"images": 0}).Reload()
    assert {"generator/gen", "critic/gp", "mask", "waiting/share", "images/per_s"} <= set(events.Tags()["scalars"])
    [sample] = events.Images("samples")[-1:]
    assert sample.width == TILES_WIDE * (128 + 4) + 4, "original, one slider five times, three random, neutral, mask"


class Killed(BaseException):
    """As if by kill -9: nothing catches it."""


def assert_same_training(one, other):
    """Equal weights, bit by bit, and equal losses at every step."""
    unbroken, resumed = (read_state(folder / "checkpoint.pt") for folder in (one, other))
    for network in ("generator", "critic"):
        for name, value in unbroken[network].items():
            assert torch.equal(value, resumed[network][name]), name
    columns = slice(HISTORY.index("learning_rate"), HISTORY.index("mask") + 1)
    histories = [list(csv.reader((folder / "history.csv").open())) for folder in (one, other)]
    assert [row[columns] for row in histories[0]] == [row[columns] for row in histories[1]]


@pytest.mark.parametrize("at", [1, 4, 8])
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(trained, shards, tmp_path, monkeypatch, at):
    taken, step = [], training.critic_step

    def until(*arguments):
        taken.append(0)
        if len(taken) > at:
            raise Killed
        return step(*arguments)

    settings = replace(TRAIN, checkpoint_minutes=0.0)  # one after every step
    monkeypatch.setattr(training, "critic_step", until)
    with pytest.raises(Killed):
        train(job(tmp_path, shards, settings), ALONE)
    assert not (tmp_path / "checkpoint.pt").exists() and list(tmp_path.glob("*.running.pt"))
    monkeypatch.setattr(training, "critic_step", step)
    train(job(tmp_path, shards, settings), ALONE)
    assert_same_training(trained, tmp_path)


def test_kill_9_in_the_middle_changes_nothing(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # sums depend on the number of threads
    settings = replace(TRAIN, paired_epochs=6, checkpoint_minutes=0.0)
    folders = [tmp_path / "unbroken", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    train(job(folders[0], shards, settings), ALONE)
    victim = torch.multiprocessing.get_context("spawn").Process(
        target=train, args=(job(folders[1], shards, settings), ALONE)
    )
    victim.start()
    while victim.is_alive() and not list(folders[1].glob("*.running.pt")):
        time.sleep(0.002)
    victim.kill()
    victim.join()
    assert victim.exitcode == -9 and not (folders[1] / "checkpoint.pt").exists()
    train(job(folders[1], shards, settings), ALONE)
    assert_same_training(*folders)


def test_other_settings_begin_anew(shards, tmp_path):
    paths = set()
    for settings in (TRAIN, replace(TRAIN, weight_att=0.5), replace(TRAIN, workers=3, log_every_steps=7)):
        paths.add(training.prepare(job(tmp_path, shards, settings), ALONE).running.name)
    assert len(paths) == 2, "how it is watched and fed changes no weight"


def test_several_critic_steps_a_generator_step(shards, tmp_path):
    train(job(tmp_path, shards, replace(TRAIN, critic_steps=2, unpaired_epochs=0)), ALONE)
    with (tmp_path / "history.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(float(row["step"])) for row in rows] == list(range(2, 2 * len(rows) + 1, 2))


def test_the_learning_rate_falls_to_zero():
    rates = [learning_rate(TRAIN, step, 10) / TRAIN.learning_rate for step in range(11)]
    np.testing.assert_allclose(rates, [1] * 6 + [0.8, 0.6, 0.4, 0.2, 0.0], atol=1e-12)


def test_a_loss_that_is_no_number_stops_with_advice(shards, tmp_path):
    with pytest.raises(InputError, match=r"step 4: the loss 'critic_gp' is nan.*Lower learning_rate"):
        check_numbers(4, {"critic_adv": 1.0, "critic_gp": float("nan")})
    with pytest.raises(InputError, match=r"training step \d+: the (loss|weights) .*Lower learning_rate"):
        train(job(tmp_path, shards, replace(TRAIN, learning_rate=1e30)), ALONE)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_saturated_mask_is_told_once(caplog):
    watch = MaskWatch()
    with caplog.at_level(logging.WARNING):
        assert [watch.look(step, mean) for step, mean in enumerate([0.5, 0.01, 0.01, 0.3, 0.99])] == [
            "", "low", "low", "", "high",
        ]  # fmt: skip
    assert [record.getMessage() for record in caplog.records] == [
        "step 1: the mask's mean is 0.010: the generator copies its input: lower weight_att (or learning_rate), or "
        "raise weight_exp",
        "step 4: the mask's mean is 0.990: the generator paints the whole picture anew: raise weight_att or weight_rec",
    ]


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    write_state(path, {"step": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints.torch, "save", full)
    with pytest.raises(InputError, match="the disk is full.*goes on from the checkpoint"):
        write_state(path, {"step": 2})
    assert read_state(path) == {"step": 1} and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("what", ["write_table", "write_png"])
def test_a_disk_that_fills_at_the_end_keeps_the_training(trained, shards, tmp_path, monkeypatch, what):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(training, what, full)
        with pytest.raises(InputError, match="the disk is full.*Free some space"):
            train(job(tmp_path, shards), ALONE)
    monkeypatch.setattr(training, "critic_step", None)  # nothing is trained again
    train(job(tmp_path, shards), ALONE)
    assert_same_training(trained, tmp_path)


def test_full_memory_is_a_sentence(shards, tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("tried to allocate 80 GiB")

    monkeypatch.setattr(training, "run", full)
    with pytest.raises(InputError, match="memory is full .*Lower batch"):
        train(job(tmp_path, shards), ALONE)


def test_no_gpu_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch sees no GPU.*Set train_slidergan.gpu to auto"):
        choose_device("required", "train_slidergan")
    assert choose_device("auto", "evaluate") == CPU


def test_on_cpu_changes_what_it_names():
    small = resolve(replace(TRAIN, on_cpu={"batch": 2, "precision": "float32"}), CPU)
    assert small.batch == 2 and small.learning_rate == TRAIN.learning_rate
    both = resolve(replace(TRAIN, on_cpu={"batch": 2, "weight_gen": 9.0}, changes={"weight_gen": 0.0}), CPU)
    assert both.batch == 2 and both.weight_gen == 0, "what makes a variant is not made small"
    with pytest.raises(InputError, match="train_slidergan.on_cpu: there is no setting 'bach'"):
        resolve(replace(TRAIN, on_cpu={"bach": 2}), CPU)
    with pytest.raises(InputError, match="slidergan_variants.slidergan_rad: there is no setting 'gpus'"):
        resolve(replace(TRAIN, changes={"gpus": 2}), CPU)
    with pytest.raises(InputError, match="train_slidergan.adversarial: got 'hinge'"):
        resolve(replace(TRAIN, adversarial="hinge"), CPU)


def test_an_identity_loss_without_a_network_is_refused(shards, tmp_path):
    with pytest.raises(InputError, match="is 4 without an identity network"):
        train(job(tmp_path, shards, replace(TRAIN, weight_id=4.0)), ALONE)


def test_checkpoints_of_other_shapes_are_refused(trained, tmp_path):
    state = read_state(trained / "checkpoint.pt")
    described = description_of(trained / "checkpoint.pt", state)
    larger = described._replace(dimensions=described.dimensions._replace(generator_channels=8))
    write_state(tmp_path / "larger.pt", {**state, "description": checkpoints.describe(larger)})
    with pytest.raises(InputError, match="generator is not of the dimensions"):
        read_networks(tmp_path / "larger.pt")
    for name, bad in (("text", b"no"), ("empty", b"")):
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(InputError, match="is no file of weights"):
            read_state(tmp_path / name)
    torch.save({"description": training.Job}, tmp_path / "code.pt")
    with pytest.raises(InputError, match="is no file of weights"):
        read_state(tmp_path / "code.pt")
    write_state(tmp_path / "mute.pt", {"generator": {}})
    with pytest.raises(InputError, match="does not describe itself"):
        read_networks(tmp_path / "mute.pt")


def test_two_processes_learn_what_one_learns(shards, tmp_path, monkeypatch):
    """With wgan_gp all losses are means over pictures, so halves of a batch average to the whole."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = replace(TRAIN, adversarial="wgan_gp", unpaired_epochs=0, held_out_share=0.6, learning_rate=1e-4)
    folders = [tmp_path / "one", tmp_path / "two"]
    for processes, folder in enumerate(folders, start=1):
        folder.mkdir()
        launch(train, job(folder, shards, settings), processes, settings.batch)
    one, two = (read_state(folder / "checkpoint.pt")["generator"] for folder in folders)
    start = players_of(settings).generator.network.state_dict()
    moved = max(float((one[name] - start[name]).abs().max()) for name in one)
    apart = max(float((one[name] - two[name]).abs().max()) for name in one)
    assert moved > 1e-4 and apart < 0.2 * moved


def fails(job, share):
    raise InputError("training step 4", "the loss 'critic_gp' is nan", "lower learning_rate")


def test_what_one_of_several_processes_says_is_a_sentence():
    with pytest.raises(InputError, match="^training step 4: the loss 'critic_gp' is nan. Lower learning_rate.$"):
        launch(fails, None, 2, 4)
    with pytest.raises(InputError, match="5 cannot be shared by 2 GPUs.*multiple of 2"):
        launch(fails, None, 2, 5)
