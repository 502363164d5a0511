"""Models of scikit-learn, exported by skl2onnx: our operators predict what scikit-learn predicts.

A row is an estimator and the data it is fitted to. Everything that scikit-learn gives is compared: labels and
clusters exactly, probabilities within 1e-5, predictions and features within float32.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from interchange_onnx import OnnxImporter

from interchange.evaluate import evaluate

pytest.importorskip("sklearn")
pytest.importorskip("skl2onnx")

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn import (
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

FEATURES, SAMPLES = 5, 120
OPSETS = {"": 21, "ai.onnx.ml": 3}  # of ai.onnx.ml the newest that skl2onnx writes for every estimator


@dataclass(frozen=True)
class Row:
    """An estimator, what it is fitted to, and the options of the export."""

    make: Callable[[], Any]
    data: str = "two"
    options: tuple[tuple[str, Any], ...] = ()
    atol: float = 1e-5


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(SAMPLES, FEATURES)).astype(np.float32)


def _labels(classes: int) -> np.ndarray:
    x = noise()
    score = x[:, 0] + np.sin(2 * x[:, 1]) + 0.3 * x[:, 2]
    return np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


def _table() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4, (SAMPLES, 3)).astype(np.int64)


WORDS = np.array([["red", "a"], ["green", "b"], ["blue", "a"], ["green", "c"]] * 20, object)
# name -> features and target
DATA: dict[str, Callable[[], tuple[np.ndarray, np.ndarray | None]]] = {
    "two": lambda: (noise(), _labels(2)),
    "three": lambda: (noise(), _labels(3)),
    "names": lambda: (noise(), np.array(["low", "middle", "high"])[_labels(3)]),
    "real": lambda: (noise(), noise() @ np.arange(1, FEATURES + 1) + np.sin(noise()[:, 0])),
    "reals": lambda: (noise(), noise()[:, :2] ** 2 + noise()[:, 3:]),
    "positive": lambda: (np.abs(noise()), np.exp(noise()[:, 0] * 0.3)),
    "counts": lambda: (np.floor(np.abs(noise()) * 3), _labels(3)),
    "integers": lambda: (_table(), _labels(2)),
    "words": lambda: (WORDS, np.arange(len(WORDS)) % 2),
    "gaps": lambda: (np.where(noise(3) > 1, np.float32(np.nan), noise()), _labels(2)),
}

NO_MAP = (("zipmap", False),)
RAW = (("zipmap", False), ("raw_scores", True))

lin, pre = linear_model, preprocessing
ROWS: dict[str, Row] = {
    # linear
    "LogisticRegression": Row(lin.LogisticRegression),
    "LogisticRegression of three": Row(lin.LogisticRegression, "three"),
    "LogisticRegression of names": Row(lin.LogisticRegression, "names"),
    "LogisticRegressionCV": Row(lambda: lin.LogisticRegressionCV(Cs=3), "three"),
    "SGDClassifier": Row(lambda: lin.SGDClassifier(loss="log_loss", random_state=0), "three"),
    "SGDClassifier with a hinge": Row(lambda: lin.SGDClassifier(random_state=0), "three", RAW),
    "Perceptron": Row(lambda: lin.Perceptron(random_state=0), "three", RAW),
    "RidgeClassifier": Row(lin.RidgeClassifier, "three", RAW),
    "LinearSVC": Row(svm.LinearSVC, "three", (("raw_scores", True),)),
    "LinearRegression": Row(lin.LinearRegression, "real"),
    "LinearRegression of two": Row(lin.LinearRegression, "reals"),
    "Ridge": Row(lin.Ridge, "real"),
    "Lasso": Row(lambda: lin.Lasso(0.1), "real"),
    "ElasticNet": Row(lambda: lin.ElasticNet(0.1), "real"),
    "BayesianRidge": Row(lin.BayesianRidge, "real"),
    "ARDRegression": Row(lin.ARDRegression, "real"),
    "HuberRegressor": Row(lin.HuberRegressor, "real"),
    "Lars": Row(lin.Lars, "real"),
    "OrthogonalMatchingPursuit": Row(lin.OrthogonalMatchingPursuit, "real"),
    "TheilSenRegressor": Row(lambda: lin.TheilSenRegressor(random_state=0), "real"),
    "SGDRegressor": Row(lambda: lin.SGDRegressor(random_state=0), "real"),
    "PoissonRegressor": Row(lin.PoissonRegressor, "positive"),
    "GammaRegressor": Row(lin.GammaRegressor, "positive"),
    "TweedieRegressor": Row(lambda: lin.TweedieRegressor(power=1.5), "positive"),
    "QuantileRegressor": Row(lambda: lin.QuantileRegressor(alpha=0.1), "real"),
    # trees
    "DecisionTreeClassifier": Row(lambda: tree.DecisionTreeClassifier(random_state=0, max_depth=5), "three"),
    "DecisionTreeClassifier of names": Row(lambda: tree.DecisionTreeClassifier(random_state=0), "names"),
    "DecisionTreeRegressor": Row(lambda: tree.DecisionTreeRegressor(random_state=0), "real"),
    "DecisionTreeRegressor of two": Row(lambda: tree.DecisionTreeRegressor(random_state=0), "reals"),
    "ExtraTreeClassifier": Row(lambda: tree.ExtraTreeClassifier(random_state=0), "three"),
    "ExtraTreeRegressor": Row(lambda: tree.ExtraTreeRegressor(random_state=0), "real"),
    "RandomForestClassifier": Row(lambda: ensemble.RandomForestClassifier(10, random_state=0), "three"),
    "RandomForestRegressor": Row(lambda: ensemble.RandomForestRegressor(10, random_state=0), "real"),
    "ExtraTreesClassifier": Row(lambda: ensemble.ExtraTreesClassifier(10, random_state=0), "names"),
    "ExtraTreesRegressor": Row(lambda: ensemble.ExtraTreesRegressor(10, random_state=0), "reals"),
    "GradientBoostingClassifier": Row(lambda: ensemble.GradientBoostingClassifier(n_estimators=10, random_state=0)),
    "GradientBoostingClassifier of three": Row(
        lambda: ensemble.GradientBoostingClassifier(n_estimators=10, random_state=0), "three"
    ),
    "GradientBoostingRegressor": Row(
        lambda: ensemble.GradientBoostingRegressor(n_estimators=10, random_state=0), "real"
    ),
    "AdaBoostClassifier": Row(lambda: ensemble.AdaBoostClassifier(n_estimators=5, random_state=0), "three"),
    "AdaBoostRegressor": Row(lambda: ensemble.AdaBoostRegressor(n_estimators=5, random_state=0), "real"),
    "BaggingClassifier": Row(lambda: ensemble.BaggingClassifier(n_estimators=5, random_state=0), "three"),
    "BaggingRegressor": Row(lambda: ensemble.BaggingRegressor(n_estimators=5, random_state=0), "real"),
    "IsolationForest": Row(lambda: ensemble.IsolationForest(n_estimators=10, random_state=0)),
    "VotingClassifier": Row(
        lambda: ensemble.VotingClassifier(
            [("l", lin.LogisticRegression()), ("t", tree.DecisionTreeClassifier(max_depth=3))],
            voting="soft",
            flatten_transform=False,
        ),
        "three",
    ),
    "VotingRegressor": Row(
        lambda: ensemble.VotingRegressor([("l", lin.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=3))]), "real"
    ),
    "StackingClassifier": Row(
        lambda: ensemble.StackingClassifier([("l", lin.LogisticRegression()), ("b", naive_bayes.GaussianNB())])
    ),
    "StackingRegressor": Row(
        lambda: ensemble.StackingRegressor([("l", lin.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=3))]),
        "real",
        atol=1e-4,
    ),
    # support vectors, neighbours, networks, Bayes, mixtures
    "SVC": Row(svm.SVC, "three", RAW),
    "SVC with a polynomial": Row(lambda: svm.SVC(kernel="poly"), "two", RAW),
    "SVC of names": Row(lambda: svm.SVC(kernel="sigmoid"), "names", RAW),
    "SVR": Row(svm.SVR, "real"),
    "NuSVC": Row(svm.NuSVC, "three", RAW),
    "NuSVR": Row(svm.NuSVR, "real"),
    "OneClassSVM": Row(svm.OneClassSVM),
    "LinearSVR": Row(svm.LinearSVR, "real"),
    "KNeighborsClassifier": Row(neighbors.KNeighborsClassifier, "three"),
    "KNeighborsRegressor": Row(neighbors.KNeighborsRegressor, "real"),
    "RadiusNeighborsRegressor": Row(lambda: neighbors.RadiusNeighborsRegressor(5.0), "real"),
    "MLPClassifier": Row(lambda: neural_network.MLPClassifier((8,), max_iter=50, random_state=0), "three"),
    "MLPRegressor": Row(
        lambda: neural_network.MLPRegressor(hidden_layer_sizes=(8,), max_iter=50, random_state=0), "real"
    ),
    "GaussianNB": Row(naive_bayes.GaussianNB, "three"),
    "MultinomialNB": Row(naive_bayes.MultinomialNB, "counts"),
    "BernoulliNB": Row(naive_bayes.BernoulliNB, "counts"),
    "ComplementNB": Row(naive_bayes.ComplementNB, "counts"),
    "CategoricalNB": Row(naive_bayes.CategoricalNB, "integers"),
    "LinearDiscriminantAnalysis": Row(discriminant_analysis.LinearDiscriminantAnalysis, "three"),
    "QuadraticDiscriminantAnalysis": Row(discriminant_analysis.QuadraticDiscriminantAnalysis, "three"),
    "GaussianProcessRegressor": Row(lambda: gaussian_process.GaussianProcessRegressor(alpha=10), "real", atol=1e-3),
    "GaussianMixture": Row(lambda: mixture.GaussianMixture(2, random_state=0)),
    "KMeans": Row(lambda: cluster.KMeans(3, n_init=1, random_state=0)),
    "MiniBatchKMeans": Row(lambda: cluster.MiniBatchKMeans(3, n_init=1, random_state=0)),
    "OneVsRestClassifier": Row(lambda: multiclass.OneVsRestClassifier(lin.LogisticRegression()), "three"),
    "OneVsOneClassifier": Row(lambda: multiclass.OneVsOneClassifier(lin.LogisticRegression()), "three"),
    # what prepares
    "StandardScaler": Row(pre.StandardScaler),
    "MinMaxScaler": Row(lambda: pre.MinMaxScaler(clip=True)),
    "MaxAbsScaler": Row(pre.MaxAbsScaler),
    "RobustScaler": Row(pre.RobustScaler),
    "Normalizer": Row(pre.Normalizer),
    "Normalizer by the sum": Row(lambda: pre.Normalizer("l1")),
    "Binarizer": Row(lambda: pre.Binarizer(threshold=0.2)),
    "PolynomialFeatures": Row(pre.PolynomialFeatures),
    "PowerTransformer": Row(pre.PowerTransformer),
    "KBinsDiscretizer": Row(
        lambda: pre.KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
    ),
    "OneHotEncoder": Row(lambda: pre.OneHotEncoder(sparse_output=False), "words"),
    "OneHotEncoder of numbers": Row(lambda: pre.OneHotEncoder(sparse_output=False), "integers"),
    "OrdinalEncoder": Row(pre.OrdinalEncoder, "words"),
    "SimpleImputer": Row(impute.SimpleImputer, "gaps"),
    "KNNImputer": Row(impute.KNNImputer, "gaps"),
    "PCA": Row(lambda: decomposition.PCA(3)),
    "PCA whitened": Row(lambda: decomposition.PCA(3, whiten=True)),
    "IncrementalPCA": Row(lambda: decomposition.IncrementalPCA(3)),
    "KernelPCA": Row(lambda: decomposition.KernelPCA(3, kernel="rbf")),
    "TruncatedSVD": Row(lambda: decomposition.TruncatedSVD(3, random_state=0)),
    "SelectKBest": Row(lambda: feature_selection.SelectKBest(k=2)),
    "VarianceThreshold": Row(feature_selection.VarianceThreshold),
    # pipelines
    "pipeline of a scaler, components and a classifier": Row(
        lambda: pipeline.make_pipeline(pre.StandardScaler(), decomposition.PCA(3), lin.LogisticRegression()), "names"
    ),
    "pipeline of an imputer and a forest": Row(
        lambda: pipeline.make_pipeline(impute.SimpleImputer(), ensemble.RandomForestClassifier(5, random_state=0)),
        "gaps",
    ),
    "pipeline of an encoder and a tree": Row(
        lambda: pipeline.make_pipeline(pre.OneHotEncoder(), tree.DecisionTreeClassifier(random_state=0)), "words"
    ),
    "ColumnTransformer": Row(
        lambda: compose.ColumnTransformer([("a", pre.StandardScaler(), [0, 1]), ("b", pre.MinMaxScaler(), [2, 3])])
    ),
    "FeatureUnion": Row(lambda: pipeline.make_union(pre.StandardScaler(), decomposition.PCA(2))),
    "classifier with its dictionaries": Row(lin.LogisticRegression, "names", (("zipmap", True),)),
}


def exported(row: Row, path):
    """The fitted estimator, its features, and the model file."""
    x, y = DATA[row.data]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = row.make().fit(x, y)
        kind = {"O": StringTensorType, "i": Int64TensorType}.get(x.dtype.kind, FloatTensorType)
        is_classifier = hasattr(estimator, "classes_")
        options = {id(estimator): dict(row.options or NO_MAP)} if is_classifier else None
        shape = [None, x.shape[1] if x.ndim > 1 else 1]
        model = to_onnx(estimator, initial_types=[("x", kind(shape))], options=options, target_opset=OPSETS)
    path.write_bytes(model.SerializeToString())
    return estimator, x


def expected(estimator, x) -> list[np.ndarray]:
    """What scikit-learn gives, in the order of skl2onnx's outputs."""
    if not hasattr(estimator, "predict"):
        y = estimator.transform(x)
        return [np.asarray(y.todense() if hasattr(y, "todense") else y)]
    results = [estimator.predict(x)]
    for name in ("predict_proba", "decision_function", "score_samples", "transform"):
        if hasattr(estimator, name):
            return [*results, getattr(estimator, name)(x)]
    return results


def assert_equal(have: Any, want: np.ndarray, atol: float) -> None:
    if isinstance(have, list):  # a dictionary for each sample
        have = np.array([[row[key] for key in sorted(row)] for row in have])
    have = np.asarray(have)
    if want.dtype.kind in "OUi":
        np.testing.assert_array_equal(have.reshape(want.shape).astype(want.dtype), want)
        return
    if want.ndim == 1 and have.ndim == 2 and have.shape[1] == 2:  # both sides of one score
        have = have[:, 1]
    np.testing.assert_allclose(have.reshape(want.shape), want, rtol=1e-4, atol=atol)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore")
def test_estimator(name, tmp_path):
    row, path = ROWS[name], tmp_path / "model.onnx"
    estimator, x = exported(row, path)
    graph = OnnxImporter().load(path)
    outputs = evaluate(graph, {"x": x if x.ndim > 1 else x[:, None]})
    wanted = expected(estimator, x)
    assert len(outputs) <= len(wanted)
    for have, want in zip(outputs.values(), wanted, strict=False):
        assert_equal(have, want, row.atol)
