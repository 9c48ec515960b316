import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from nas.samplers.threads import one_thread


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_linear_algebra_has_one_thread_inside_and_as_many_as_before_outside() -> None:
    with one_thread():
        pass
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        # NumPy's and SciPy's may be two copies; a platform without either has none to limit.
        with one_thread():
            assert set(blas_threads()) <= {1}
            assert np.isfinite(np.linalg.inv(np.eye(3))).all()
        assert blas_threads() == before
