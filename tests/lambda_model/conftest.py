"""The Lambda model, once for all tests: loading it takes a while and nothing changes it."""

import pytest

from stoker.lambda_model.service import ServiceModel, load_lambda
from stoker.limits import Limits


@pytest.fixture(scope="session")
def model() -> ServiceModel:
    return load_lambda(Limits())
