"""Matrix factorization of implicit feedback by alternating least squares."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import linalg, sparse

from mlsd.models.recommenders.base import FoldingRecommender, check_range
from mlsd.runtime import InputError

_posv = linalg.get_lapack_funcs("posv", dtype=np.float32)
_syrk = linalg.get_blas_funcs("syrk", dtype=np.float32)


def solve_side(
    fixed: np.ndarray,
    matrix: sparse.csr_array,
    *,
    unobserved: float,
    penalties: np.ndarray,
    worth: np.ndarray | None = None,
) -> np.ndarray:
    """Return the best vectors of one side while the other is fixed, shape (rows, dim).

    Row r is the minimum over p of

        sum_j c_j (m_j (1 - p.f_j)**2 + unobserved * (p.f_j)**2) + penalties[r] * |p|**2

    with m_j the value of `matrix` in row r and column j and c_j its `worth`. The second term runs
    over all columns, and is the same for every row: ``unobserved * F.T C F`` is computed once (the
    Gramian trick), so that a row costs only its n interactions: ``n dim**2 + dim**3 / 3``, or
    ``n**2 dim + n**3 / 3`` where they are fewer than `dim`.

    Parameters
    ----------
    fixed : ndarray of float32, shape (columns, dim)
    matrix : sparse CSR array of float32, shape (rows, columns)
    unobserved : float
        Weight of a pair for being 0, beside an interaction's 1.
    penalties : ndarray, shape (rows,)
    worth : ndarray, shape (columns,), optional
        1 each where absent.

    Raises
    ------
    InputError
        If the equations cannot be solved in single precision.

    Examples
    --------
    >>> once = sparse.csr_array(np.ones((1, 1), np.float32))
    >>> solve_side(np.ones((1, 1), np.float32), once, unobserved=0.5, penalties=np.ones(1))
    array([[0.4]], dtype=float32)
    """
    worth = np.ones(len(fixed), np.float32) if worth is None else worth.astype(np.float32)
    gramian = unobserved * (fixed * worth[:, None]).T @ fixed
    # In the basis of its eigenvectors what all rows share is a diagonal.
    shared, basis = np.linalg.eigh(gramian.astype(np.float32))
    diagonals = (np.maximum(shared, 0) + penalties[:, None]).astype(np.float32)
    rotated = fixed @ basis
    weights = matrix.data * worth[matrix.indices]
    targets = sparse.csr_array((weights, matrix.indices, matrix.indptr), matrix.shape) @ rotated
    found = np.empty_like(targets)
    for row, (start, stop) in enumerate(zip(matrix.indptr[:-1], matrix.indptr[1:])):
        own, weight = rotated[matrix.indices[start:stop]], weights[start:stop]
        solve = _solve_short if stop - start < fixed.shape[1] else _solve_long
        found[row] = solve(own, weight, diagonals[row], targets[row])
    return found @ basis.T


def _solve_long(
    own: np.ndarray, weight: np.ndarray, diagonal: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Solve ``(F.T W F + D) p = F.T w``, dim equations."""
    own *= np.sqrt(weight)[:, None]
    return _solve(_syrk(1.0, own.T, lower=1), diagonal, target)


def _solve_short(
    own: np.ndarray, weight: np.ndarray, diagonal: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Solve the same by as many equations as interactions: ``p = G.T y / sqrt(D)``.

    With ``G = F / sqrt(D)`` and ``(G G.T + 1 / W) y = 1``, by the push-through identity.
    """
    roots = np.sqrt(diagonal)
    own /= roots
    left = _syrk(1.0, own.T, trans=1, lower=1)
    return _solve(left, 1 / weight, np.ones_like(weight)) @ own / roots


def _solve(left: np.ndarray, diagonal: np.ndarray, right: np.ndarray) -> np.ndarray:
    if not len(left):
        return right
    np.einsum("ii->i", left)[:] += diagonal
    _, found, failed = _posv(left, right, lower=1, overwrite_a=1)
    if failed:
        raise InputError("a least-squares problem has no unique solution; raise the penalty")
    return found


def spectral_start(
    matrix: sparse.csr_array, dim: int, rng: np.random.Generator, *, rounds: int = 2
) -> np.ndarray:
    """Return vectors of the rows to start from, shape (rows, dim): ``U sqrt(S)`` of ``U S V.T``.

    The leading singular vectors by randomized subspace iteration, which costs a product with the
    matrix where a round of least squares costs `dim` of them. Vectors beyond the rank of the matrix
    are 0 but for a little noise.

    References
    ----------
    Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 2011,
    algorithm 4.4.

    Examples
    --------
    >>> ones = sparse.csr_array(np.ones((4, 9), np.float32))
    >>> np.abs(spectral_start(ones, 1, np.random.default_rng(0))).round(1).ravel()
    array([1.2, 1.2, 1.2, 1.2], dtype=float32)
    """
    rows, columns = matrix.shape
    kept = min(dim, rows, columns)
    span = rng.normal(size=(columns, kept)).astype(np.float32)
    for _ in range(rounds):
        span = np.linalg.qr(matrix.T @ (matrix @ span))[0]
    seen = matrix @ span
    squares, turned = np.linalg.eigh(seen.T @ seen)
    start = rng.normal(0, 1e-3, (rows, dim)).astype(np.float32)
    # Of U S, which `seen @ turned` is, the root of S is divided out.
    start[:, :kept] += seen @ turned * np.maximum(squares, 1e-12) ** -0.25
    return start


class ImplicitALSRecommender(FoldingRecommender):
    """Factorizes the user-item matrix, every pair without an interaction being a weak 0 (iALS).

    With ``m(u, i)`` the weight of an interaction (1 without weights), the loss is

        sum_u w_u (sum_i m(u, i) (1 - p_u.q_i)**2 + unobserved * sum_i (p_u.q_i)**2
                   + l2 * a_u**frequency_power |p_u|**2)
            + l2 * sum_i b_i**frequency_power |q_i|**2,

    ``a_u = m(u, .) + unobserved * items`` and ``b_i = sum_u w_u m(u, i) + unobserved * users``:
    what stands in the loss of a user or an item scales its penalty. Users and items are solved for
    in turn, exactly, from the leading singular vectors of the matrix (`spectral_start`).

    Parameters
    ----------
    dim : int
        Length of a vector.
    unobserved : float
        Above 0.
    l2 : float
        Above 0.
    frequency_power : float
        1: penalties grow like the loss (iALS revisited); 0: all alike (Hu et al.).
    user_power : float
        A user with n interactions weighs ``w_u = n**-user_power``, on average 1. 0 in the papers.
    item_power : float
        Scores are divided by the item's popularity to this power. 0 in the papers.
    epochs : int
        Rounds over both sides.
    random_state : int

    Attributes
    ----------
    user_vectors_, item_vectors_ : ndarray of float32, shapes (users, dim) and (items, dim)

    Notes
    -----
    A history from outside is folded in: its vector solves the same least squares as a user's.

    References
    ----------
    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008;
    Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks",
    RecSys 2022 (arXiv 2021).

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 20, 10, 20, 30]})
    >>> ImplicitALSRecommender(dim=2).fit(log).recommend([9], 1, histories=[[10, -1]])[0]
    array([[20]])
    """

    def __init__(
        self,
        *,
        dim: int = 64,
        unobserved: float = 0.3,
        l2: float = 0.01,
        frequency_power: float = 1.0,
        user_power: float = 0.0,
        item_power: float = 0.0,
        epochs: int = 8,
        random_state: int = 0,
    ) -> None:
        self.dim = dim
        self.unobserved = unobserved
        self.l2 = l2
        self.frequency_power = frequency_power
        self.user_power = user_power
        self.item_power = item_power
        self.epochs = epochs
        self.random_state = random_state

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        for name in ("dim", "epochs"):
            check_range(name, getattr(self, name), 1)
        for name in ("unobserved", "l2"):
            check_range(name, getattr(self, name), 0.0, low_allowed=False)
        matrix = self._corpus.matrix
        of_items = matrix.T.tocsr()
        worth = matrix.sum(axis=1) ** -self.user_power
        worth = (worth / worth.mean()).astype(np.float32)
        penalties = self._penalties(of_items @ worth, len(worth))
        rng = np.random.default_rng(self.random_state)
        self.user_vectors_ = spectral_start(matrix, self.dim, rng)
        for _ in range(self.epochs):
            self.item_vectors_ = solve_side(
                self.user_vectors_,
                of_items,
                unobserved=self.unobserved,
                penalties=penalties,
                worth=worth,
            )
            self.user_vectors_ = self._fold_in(matrix)
        self._outward = (self.item_vectors_.T * self._popularity**-self.item_power).astype("f4")

    def _penalties(self, observed: np.ndarray, others: int) -> np.ndarray:
        return self.l2 * (observed + self.unobserved * others) ** self.frequency_power

    def _fold_in(self, profiles: sparse.csr_array) -> np.ndarray:
        penalties = self._penalties(profiles.sum(axis=1), profiles.shape[1])
        return solve_side(
            self.item_vectors_, profiles, unobserved=self.unobserved, penalties=penalties
        )

    def _of_users(self, rows: np.ndarray) -> np.ndarray:
        return self.user_vectors_[rows] @ self._outward

    def _of_profiles(self, profiles: sparse.csr_array) -> np.ndarray:
        return self._fold_in(profiles) @ self._outward
