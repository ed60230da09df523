from pathlib import Path

import pytest

from stoker.config import SettingsError, load_settings
from stoker.neighbours.choices import Elsewhere, Embedded, Here, Off, read_choices


def test_without_settings_everything_is_embedded() -> None:
    assert read_choices({}).of("s3") == Embedded()


def test_a_service_is_found_by_what_its_requests_are_signed_for() -> None:
    choices = read_choices({"cloudwatch": "off", "stepfunctions": "http://127.0.0.1:8083/"})
    assert choices.of("monitoring") == Off()
    assert choices.of("states") == Elsewhere("http://127.0.0.1:8083")
    assert choices.of("sns") == Embedded()


def test_the_default_can_be_off_while_one_service_is_on() -> None:
    choices = read_choices({"default": "off", "s3": "embedded"})
    assert choices.of("s3") == Embedded()
    assert choices.of("sns") == Off()


def test_the_nodes_own_queues_are_there_unless_they_are_named_otherwise() -> None:
    assert read_choices({"default": "off"}).of("sqs") == Here()
    assert read_choices({"sqs": "embedded"}).of("sqs") == Here()
    assert read_choices({"sqs": "off"}).of("sqs") == Off()
    assert read_choices({"sqs": "http://127.0.0.1:9324"}).of("sqs") == Elsewhere("http://127.0.0.1:9324")


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"s3": "127.0.0.1:9000"}, "'neighbours.s3': '127.0.0.1:9000' is neither"),
        ({"s3": "ftp://host"}, "is neither"),
        ({"s3": "http://user:secret@host"}, "is neither"),
        ({"s3": "http://host:port"}, "is neither"),
        ({"s4": "off"}, "'neighbours.s4': there is no such service"),
        ({"lambda": "off"}, "'neighbours.lambda': Stoker serves lambda itself"),
        ({"default": "http://host"}, "'neighbours.default': must be 'embedded' or 'off'"),
        ({"dynamodb": "off", "dynamodbstreams": "embedded"}, "both are signed for dynamodb"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(table: dict[str, str], text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_choices(table)
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_table_comes_from_the_file_or_as_json_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "stoker.toml"
    file.write_text('[neighbours]\ns3 = "off"\n')
    assert load_settings(file, {}, {}).neighbours == {"s3": "off"}
    assert load_settings(file, {"STOKER_NEIGHBOURS": '{"sqs": "off"}'}, {}).neighbours == {"sqs": "off"}


@pytest.mark.parametrize("text", ["s3=off", "[]", '{"s3": 1}'])
def test_another_form_of_the_table_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="'neighbours' in the environment"):
        load_settings(None, {"STOKER_NEIGHBOURS": text}, {})
