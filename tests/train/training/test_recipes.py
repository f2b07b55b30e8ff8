import pytest
from digit_train.training.recipe import Augmentation, Phase, Recipe
from digit_train.training.recipes import RECIPES

TWO = Recipe(
    phases=(Phase(30, 1e-3, "one-cycle", 128), Phase(12, 5e-4, "one-cycle", 128)),
    optimizer="adamw",
    validation_fraction=0.05,
    scaling="rescale",
)


def test_the_notebooks_recipes_are_its_own() -> None:
    for model, epochs in (("mlp", 50), ("cnn", 15)):
        recipe = RECIPES["notebook", model]
        assert recipe.epochs == epochs
        assert (recipe.optimizer, recipe.phases[0].batch_size) == ("sgd", 32)
        assert recipe.validation_fraction == 0.2
        assert recipe.phases[0].learning_rate == 0.01
        assert recipe.phases[0].augmentation is None


def test_an_epoch_knows_its_phase() -> None:
    first, second = TWO.phases
    assert TWO.epochs == 42
    assert TWO.at(1) == (first, 1)
    assert TWO.at(30) == (first, 30)
    assert TWO.at(31) == (second, 1)
    assert TWO.at(42) == (second, 12)
    with pytest.raises(ValueError, match="only 42"):
        TWO.at(43)


@pytest.mark.parametrize(
    ("epochs", "lengths"), [(42, [30, 12]), (84, [60, 24]), (14, [10, 4]), (2, [1, 1]), (1, [1])]
)
def test_another_number_of_epochs_keeps_the_shares(epochs: int, lengths: list[int]) -> None:
    assert [phase.epochs for phase in TWO.with_epochs(epochs).phases] == lengths


def test_distortions_grow_over_the_ramp() -> None:
    settings = Augmentation(rotation=10, elastic_alpha=30, ramp_epochs=5)
    assert settings.at(1).rotation == 0
    assert settings.at(3).rotation == pytest.approx(4)
    assert settings.at(6).elastic_alpha == settings.at(60).elastic_alpha == 30
