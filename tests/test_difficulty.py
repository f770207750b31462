"""The model of find rates against brute force and against solvers that are known, and what is chosen from it."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from difficulty.choose import (
    BAND,
    HOPELESS,
    PILOT,
    PILOT_SIZES,
    SIZE,
    candidates,
    in_band,
    near,
    plan,
)
from difficulty.find_rates import LATE, NODES, PRIOR, Attempt, Evidence, Posterior, fit
from difficulty.sampling import posterior_draws
from reference.architecture import RARITY, SETTINGS, Architecture
from reference.variant import build
from scorers.pass_rate import interval
from variants.certificate import shows_at_position_0
from variants.draw import with_departures, with_what_it_requires
from variants.rules import conflicts

NAMES = tuple("abcd")
RARITIES = dict(zip(NAMES, ("common", "uncommon", "rare", "uncommon")))
VARIANT, LATE_NAMES = frozenset("abc"), "bd"
WHITE = st.lists(st.floats(-2, 2), min_size=14, max_size=14)


def model_of(white) -> Posterior:
    return Posterior(np.array([white]), RARITIES, LATE_NAMES)


def likelihood(attempt: Attempt, white) -> float:
    return float(np.exp(Evidence([attempt], NAMES).log_likelihood(model_of(white))[0, 0]))


def by_hand(attempt: Attempt, white) -> float:
    """Probability of all outcomes that fit what is told, from a fine grid of the attempt's luck."""
    model = model_of(white)
    care, luck = float(model.care[0, 0]), PRIOR[3] @ [1, white[3]]
    names, total = sorted(attempt.departures), 0.0
    t = np.linspace(-8, 8, 801)
    density = norm.pdf(t) * (t[1] - t[0])
    s_0, s_1, s_2 = (PRIOR[n] @ [1, white[n]] for n in (7, 8, 9))
    hides = {n: expit(s_0 + s_1 * t + s_2 * (n in LATE_NAMES)) for n in NAMES}
    seen = {True: model.tells_find[0, 0], False: model.tells_miss[0, 0]}
    listed = frozenset().union(*attempt.one_of)
    untold = attempt.departures - attempt.found - attempt.missed - listed
    in_part = (untold and untold != attempt.departures) or attempt.one_of
    finds = {n: expit(model.logits[0, len(NODES) // 2, i] + luck * t) for i, n in enumerate(NAMES)}
    for outcome in product(["found", "known", "unknown"], repeat=len(names)):
        found = {name for name, what in zip(names, outcome) if what == "found"}
        factors = []
        for name, what in zip(names, outcome):
            hidden = 0 if attempt.passed else hides[name]
            shares = {"found": 1 - hidden, "known": hidden}
            chance = finds[name] * shares[what] if what in shares else 1 - finds[name]
            factors.append(chance)
        chance = np.prod(factors, axis=0) @ density
        passes = 0 if "unknown" in outcome else care
        fits = attempt.found <= found and not attempt.missed & found
        fits = fits and all(names_of_list - found for names_of_list in attempt.one_of)
        for name in names if in_part else []:
            if name in attempt.found | attempt.missed:
                chance *= seen[name in found]
            elif name not in listed:
                chance *= 1 - seen[name in found]
        total += chance * fits * (passes if attempt.passed else 1 - passes)
    return float(total * seen[False] ** len(attempt.one_of))


@pytest.mark.parametrize(
    "attempt",
    [
        Attempt(VARIANT, True, VARIANT),
        Attempt(VARIANT, False, VARIANT),  # something else is wrong
        Attempt(VARIANT, False),  # told nothing
        Attempt(VARIANT, False, frozenset("a"), frozenset("bc")),
        Attempt(VARIANT, False, frozenset("a"), frozenset("b")),
        Attempt(VARIANT, False, frozenset("a")),
        Attempt(VARIANT, False, frozenset(), frozenset(), (frozenset("ab"),)),
        Attempt(VARIANT, False, frozenset("c"), frozenset(), (frozenset("ab"),)),
    ],
)
@settings(max_examples=25, deadline=None)
@given(white=WHITE)
def test_likelihood_is_the_probability_of_what_is_told(attempt, white):
    white[3] = np.clip(white[3], -1, 1)  # five nodes are for luck up to about 1
    white[8] = np.clip(white[8], -0.5, 0.5)
    assert likelihood(attempt, white) == pytest.approx(by_hand(attempt, white), rel=0.05, abs=2e-4)


@settings(max_examples=25, deadline=None)
@given(white=WHITE)
def test_pass_and_fail_are_all_that_can_happen(white):
    passed, failed = Attempt(VARIANT, True, VARIANT), Attempt(VARIANT, False)
    assert likelihood(passed, white) + likelihood(failed, white) == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(white=WHITE)
def test_rates_of_a_variant_are_its_probability_to_pass(white):
    posterior = model_of(white)
    rate, fewer = posterior.pass_rates([VARIANT, frozenset("ab")])[0]
    assert rate == pytest.approx(likelihood(Attempt(VARIANT, True, VARIANT), white))
    assert rate <= fewer
    alone = posterior.pass_rates([frozenset(name) for name in NAMES])[0]
    finds = [posterior.find_rates()[name][0] for name in NAMES]
    assert alone == pytest.approx(finds * posterior.care[0])


def test_order_of_attempts_does_not_matter():
    attempts = [Attempt(VARIANT, False, frozenset("a")), Attempt(VARIANT, True, VARIANT)]
    attempts.append(Attempt(frozenset("d"), False, frozenset(), frozenset("d")))
    white = [0.3] * 14
    forwards = Evidence(attempts, NAMES).log_likelihood(model_of(white))
    backwards = Evidence(attempts[::-1], NAMES).log_likelihood(model_of(white))
    np.testing.assert_allclose(forwards[:, ::-1], backwards)


def rates(attempts: list[Attempt], variant: frozenset[str] = VARIANT) -> float:
    return float(fit(attempts, RARITIES).pass_rates([variant]).mean())


def test_finds_raise_rates_and_misses_lower_them():
    found = Attempt(VARIANT, False, frozenset("ab"), frozenset("c"))
    missed = Attempt(VARIANT, False, frozenset("c"), frozenset("ab"))
    variant = frozenset("ab")
    assert rates([missed] * 6, variant) < rates([], variant) < rates([found] * 6, variant)


def test_what_tells_nothing_counts_by_pass_or_fail():
    assert (
        rates([Attempt(VARIANT, False)] * 6)
        < rates([])
        < rates([Attempt(VARIANT, True, VARIANT)] * 6)
    )


def test_all_found_but_failed_is_lack_of_care():
    all_found = [Attempt(VARIANT, False, VARIANT)] * 8
    posterior = fit(all_found, RARITIES)
    assert posterior.care.mean() < 0.5
    assert all(finds.mean() > 0.7 for finds in posterior.find_rates().values())


def test_rarity_is_a_prior_that_attempts_overrule():
    finds = {name: draws.mean() for name, draws in fit([], RARITIES).find_rates().items()}
    assert finds["a"] > finds["b"] > finds["c"]
    variant = frozenset("ac")
    turned = [Attempt(variant, False, frozenset("c"), frozenset("a"))] * 10
    finds = {name: draws.mean() for name, draws in fit(turned, RARITIES).find_rates().items()}
    assert finds["a"] < finds["c"]


@pytest.mark.parametrize(
    "tells_find, tells_miss, hides, hides_late",
    [(1, 1, 0, 0), (0, 1, 0, 0), (0.5, 0.2, 0, 0), (0.9, 0.4, 0.3, 0.3), (0.9, 0.7, 0.2, 0.9)],
)
def test_posterior_recovers_a_known_solver(tells_find, tells_miss, hides, hides_late):
    """Also where a diagnosis tells only misses, or few of them, and where what is wrong hides what is known, and more so
    what shows later. Three solvers: the errors of one's variants go together."""
    held = []
    for seed in (5, 6, 7):
        rng = np.random.default_rng(seed)
        ease = dict(zip(RARITY, rng.normal(0.5, 1.2, len(RARITY))))
        variants = candidates(rng, 200)
        attempts = []
        for variant in variants[:100]:
            found = frozenset(name for name in sorted(variant) if rng.random() < expit(ease[name]))
            passed = found == variant and rng.random() < 0.9
            if not passed:
                found = frozenset(
                    name
                    for name in sorted(found)
                    if rng.random() >= (hides_late if name in LATE else hides)
                )
            told = frozenset(
                name
                for name in sorted(variant)
                if passed or rng.random() < (tells_find if name in found else tells_miss)
            )
            attempts.append(Attempt(variant, passed, found & told, (variant - found) & told))
        draws = fit(attempts, RARITY).pass_rates(variants)
        truth = [0.9 * np.prod([expit(ease[name]) for name in sorted(v)]) for v in variants]
        low, high = np.quantile(draws, (0.025, 0.975), axis=0)
        held.append(np.mean((low <= truth) & (truth <= high)))
        assert np.mean(abs(draws.mean(0) - truth)) < 0.08
        assert abs(draws.mean() - np.mean(truth)) < 0.05
    assert np.mean(held) > 0.85


def test_late_choices_are_those_that_change_nothing_at_position_0():
    rng = np.random.default_rng(3)
    for name in SETTINGS:
        architecture = with_departures(rng, with_what_it_requires(rng, name, []))
        traces = build("5eed", 0, architecture)[0]
        assert shows_at_position_0(name, architecture, traces) == (name not in LATE), name


def test_sampling_gives_the_posterior_of_a_normal():
    """Prior N(0, 1), one observation 3 with deviation .5: mean 2.4, variance .2; nothing is seen of the other."""

    def log_likelihood(points):
        return -((points[:, 0] - 3) ** 2) / (2 * 0.25)

    draws = posterior_draws(log_likelihood, 2, np.random.default_rng(0))
    assert draws.mean(0) == pytest.approx([2.4, 0], abs=0.15)
    assert draws.std(0) == pytest.approx([0.2**0.5, 1], rel=0.15)


@pytest.mark.parametrize("scale, deviation", [(0.2, 1.0), (1.0, 1.0), (3.0, 1.0), (1.0, 0.05)])
def test_sampling_gives_the_posterior_of_a_spread(scale, deviation):
    """Thirty values N(0, exp(s)), seen with a deviation; that of s is known by quadrature. A sampler that stays near
    the mode takes s for too large where the values hardly differ; a small deviation is what many attempts tell."""
    rng = np.random.default_rng(1)
    seen = scale * rng.normal(size=30) + deviation * rng.normal(size=30)

    def log_likelihood(points):
        values = np.exp(points[:, :1]) * points[:, 1:]
        return norm.logpdf(seen, values, deviation).sum(1)

    grid = np.linspace(-6, 6, 2001)
    width = np.hypot(np.exp(grid), deviation)
    log_density = norm.logpdf(grid) + norm.logpdf(seen[:, None], 0, width).sum(0)
    weights = np.exp(log_density - log_density.max())
    mean = np.average(grid, weights=weights)
    spread = np.average((grid - mean) ** 2, weights=weights) ** 0.5
    draws = posterior_draws(log_likelihood, 31, np.random.default_rng(0))[:, 0]
    assert draws.mean() == pytest.approx(mean, abs=0.3 * spread)
    assert draws.std() == pytest.approx(spread, rel=0.25)


def test_an_attempt_is_read_from_a_score():
    row = {"architecture": {"heads": 4, **dict.fromkeys("abcde", 1)}}
    told = {
        "found": ["a", "zzz"],
        "missed": ["b"],
        "other_value": {"c": [1, 2]},
        "one_of": [["a", "d", "e"], ["b", "d"]],
    }
    attempt = Attempt.from_log(row, False, told)
    assert attempt == Attempt(
        frozenset("abcde"), False, frozenset("a"), frozenset("bc"), (frozenset("de"),)
    )
    assert Attempt.from_log(row, True, {}).found == frozenset("abcde")
    nothing = Attempt.from_log(row, False, {"reason": "no_file"})
    assert nothing == Attempt(frozenset("abcde"), False)


# What is chosen


VARIANTS = candidates(np.random.default_rng(1), 150)


def test_candidates_keep_the_rules():
    for variant in VARIANTS:
        settings_of = {name: SETTINGS[name][1] for name in variant}
        assert not conflicts(Architecture(heads=4, **settings_of))


def test_the_pilot_is_a_ladder():
    first = plan([], VARIANTS)
    assert [len(variant) for variant in first.next[:PILOT]] == [*PILOT_SIZES] * (
        PILOT // len(PILOT_SIZES)
    )
    assert not first.settled and not first.hopeless


@pytest.mark.parametrize("knows", [True, False])
def test_too_strong_and_too_weak_are_told(knows):
    """Who always or never finds anything has no variant in the band; the nearest are the hardest or easiest."""
    nothing = frozenset()
    attempts = [
        Attempt(variant, knows, variant if knows else nothing, nothing if knows else variant)
        for variant in VARIANTS[:80]
    ]
    told = plan(attempts, VARIANTS)
    assert told.hopeless and not told.settled
    assert {*told.next} == {*VARIANTS} - {attempt.departures for attempt in attempts}
    sizes = [len(variant) for variant in told.dataset]
    assert len(sizes) == SIZE and (np.mean(sizes) > 9 if knows else np.mean(sizes) < 2)
    assert told.rates.mean() > BAND[1] if knows else told.rates.mean() < BAND[0]
    assert HOPELESS > 0


def test_a_settled_dataset_is_in_the_band():
    rng = np.random.default_rng(2)
    attempts: list[Attempt] = []
    told = plan(attempts, VARIANTS)
    for _ in range(10):
        for variant in told.next[:8]:
            found = frozenset(name for name in sorted(variant) if rng.random() < 0.7)
            attempts.append(Attempt(variant, found == variant, found, variant - found))
        told = plan(attempts, VARIANTS)
        assert not {attempt.departures for attempt in attempts} & {*told.next}
    assert told.settled and len(told.dataset) == SIZE
    truth = np.array([0.7 ** len(variant) for variant in told.dataset])
    assert in_band(truth).mean() >= 0.7 and in_band(truth.mean())
    for rate in (0.2, 0.6):
        nearest = near(told.posterior, VARIANTS, rate)
        assert abs(np.mean([0.7 ** len(variant) for variant in nearest]) - rate) < 0.1


def test_interval_is_wilsons():
    assert interval(3, 10) == pytest.approx((0.1078, 0.6032), abs=1e-4)
    assert interval(0, 10)[0] == 0
