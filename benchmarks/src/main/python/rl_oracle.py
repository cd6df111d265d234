"""An independent computation, in float64, of the numbers that the tests of dev.firesteel.rl compare with.

    python3 rl_oracle.py estimators    the tables of AdvantageTablesTest, as rows of Java
    python3 rl_oracle.py walks         the exact numbers of RandomWalksTest

Needs `pip install numpy`. Written from the papers and from the definitions in docs/ppo.md, on padded matrices with masks, where the
Java code works on flat arrays of ragged completions. Inputs are formulas, so that both sides have the same.
"""

import sys

import numpy as np

# Six completions, two groups of three or three of two; lengths of their actions, of at most six.
LENGTHS = np.array([3, 6, 1, 4, 2, 5])
WIDTH = 6
MASK = np.arange(WIDTH)[None, :] < LENGTHS[:, None]
SCORES = np.array([1.0, 0.25, -0.5, 0.7, 0.7, 0.9])
BETA, GAMMA, LAMBDA = 0.05, 0.9, 0.95


def wave(a, b, c):
    """[completions, actions]: b + a sin(c k), k counting actions of the whole matrix from 1."""
    k = np.arange(1, MASK.size + 1).reshape(MASK.shape)
    return b + a * np.sin(c * k)


OLD = wave(0.6, -1.5, 0.9)
REFERENCE = wave(0.5, -1.6, 1.7)
VALUES = wave(0.4, 0.2, 2.3)


def kl(kind):
    d = np.clip(OLD - REFERENCE, -10, 10)
    return {"k1": d, "k2": d * d / 2, "k3": np.exp(-d) - 1 + d}[kind] * MASK


def token_rewards(scores, penalties):
    rewards = penalties.copy()
    rewards[np.arange(len(scores)), LENGTHS - 1] += scores
    return rewards


def gae(rewards, values, gamma, lam):
    """The definition: sum over l of (gamma lambda)^l d_t+l, not the recursion."""
    advantages = np.zeros_like(rewards)
    for i, n in enumerate(LENGTHS):
        after = np.append(values[i, 1:n], 0)
        d = rewards[i, :n] + gamma * after - values[i, :n]
        for t in range(n):
            advantages[i, t] = sum((gamma * lam) ** l * d[t + l] for l in range(n - t))
    return advantages


def whiten(x, keep_mean):
    chosen = x[MASK]
    white = (x - chosen.mean()) / np.sqrt(chosen.var() + 1e-8) + (chosen.mean() if keep_mean else 0)
    return white * MASK


def groups(x, size):
    return x.reshape(-1, size)


def of_completions(advantages):
    return advantages.reshape(-1)[:, None] * MASK


def grpo(rewards, size, scale, epsilon):
    grouped = groups(rewards, size)
    centred = grouped - grouped.mean(axis=1, keepdims=True)
    divisor = {"group": grouped.std(axis=1, ddof=1, keepdims=True) + epsilon,
               "batch": rewards.std(ddof=1) + epsilon, "none": 1.0}[scale]
    return of_completions(centred / divisor)


def rloo(rewards, size):
    grouped = groups(rewards, size)
    others = (grouped.sum(axis=1, keepdims=True) - grouped) / (size - 1)
    return of_completions(grouped - others)


def rewards_to_go(rewards, gamma):
    sums = np.zeros_like(rewards)
    for i, n in enumerate(LENGTHS):
        for t in range(n):
            sums[i, t] = sum(gamma ** (s - t) * rewards[i, s] for s in range(t, n))
    return sums


def average(kind, x, max_length):
    """What a loss of x averages to."""
    if kind == "sequences":
        return np.mean([x[i, :n].mean() for i, n in enumerate(LENGTHS)])
    if kind == "tokens":
        return x[MASK].mean()
    return x[MASK].sum() / (len(LENGTHS) * max_length)


def show(name, x):
    flat = x[MASK] if x.shape == MASK.shape else np.atleast_1d(x)
    print(f"// {name}")
    print(", ".join(repr(float(v)) for v in flat))


def estimators():
    penalties = -BETA * kl("k1")
    rewards = token_rewards(SCORES, penalties)
    totals = SCORES + penalties.sum(axis=1)
    for kind in ("k1", "k2", "k3"):
        show(f"rewards {kind}", token_rewards(SCORES, -BETA * kl(kind)))
    advantages = gae(rewards, VALUES, GAMMA, LAMBDA)
    show("gae advantages", advantages)
    show("gae returns", (advantages + VALUES) * MASK)
    show("gae advantages whitened", whiten(advantages, False))
    show("rewards whitened, mean kept", whiten(rewards, True))
    errors = (advantages)[MASK]
    show("explained variance", 1 - errors.var() / (advantages + VALUES)[MASK].var())
    for size in (2, 3):
        for scale in ("group", "batch", "none"):
            show(f"grpo {scale} G={size}, one each", grpo(totals, size, scale, 1e-4)[:, 0])
        show(f"rloo G={size}, one each", rloo(totals, size)[:, 0])
        mean = np.repeat(groups(SCORES, size).mean(axis=1), size)
        baseline = rewards_to_go(token_rewards(SCORES - mean, penalties), GAMMA)
        show(f"reinforce_pp_baseline G={size}, whitened", whiten(baseline, False))
    show("reinforce_pp, whitened", whiten(rewards_to_go(rewards, GAMMA), False))
    close = np.array([0.5, 0.5001, 0.5002, 0.5001])
    show("grpo of close rewards, epsilon 1e-6", ((close - close.mean()) / (close.std(ddof=1) + 1e-6)))
    for kind in ("sequences", "tokens", "max_length"):
        show(f"average {kind}", average(kind, OLD, 8))


# The task of trlx's examples/randomwalks as its generator makes it with seed 1000: node 0 is the goal.
GRAPH = [[0], [3, 9, 20], [4, 10, 14, 17], [0, 11, 19], [1, 18], [3, 7, 8, 12], [2, 16, 17, 20], [2], [3, 7], [13], [1, 6, 9, 13],
         [1], [1, 4, 5, 6, 7, 18], [0, 1], [17], [9, 20], [5, 9], [6, 9, 14], [3, 20], [10], [1, 8, 18]]
NODES = 10


def walks():
    step = np.zeros((21, 21))
    for node, neighbours in enumerate(GRAPH):
        step[node, neighbours] = 1 / len(neighbours)
    # arrived[n - 1][s]: probability that a walk from s is at the goal with at most n nodes.
    power, arrived = np.eye(21), []
    for _ in range(NODES):
        arrived.append(power[1:, 0])
        power = power @ step
    exactly = np.diff(np.array(arrived), axis=0)  # of 2 .. 10 nodes
    shortest = 2 + (exactly > 0).argmax(axis=0)
    lengths = np.arange(2, NODES + 1)[:, None]
    r = np.maximum(NODES - lengths, 0) / (NODES - shortest)[None, :]
    failing = 1 - exactly.sum(axis=0)
    print("shortest", shortest)
    print("uniform walk", (exactly * r).sum(axis=0).mean())
    for beta in (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2):
        tilted = exactly * np.exp(r / beta)
        partition = tilted.sum(axis=0) + failing
        reward = (tilted * r).sum(axis=0) / partition
        objective = beta * np.log(partition)
        divergence = (reward - objective) / beta
        print(beta, *(f"{x.mean():.10f}" for x in (reward, divergence, objective)))


if __name__ == "__main__":
    {"estimators": estimators, "walks": walks}[sys.argv[1]]()
