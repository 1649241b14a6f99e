"""The make, model and serial number of the scanner, from the properties of a slide."""

from collections.abc import Mapping

_MODELS = (
    "dicom.ManufacturerModelName",
    "aperio.ScannerType",
    "leica.device-model",
    "ventana.ScannerModel",
    "hamamatsu.Product",
    "philips.DICOM_MANUFACTURERS_MODEL_NAME",
    "tiff.Model",
)
_SERIALS = (
    "dicom.DeviceSerialNumber",
    "aperio.ScanScope ID",
    "leica.device-serial",
    "ventana.UnitNumber",
    "hamamatsu.NDP.S/N",
    "philips.DICOM_DEVICE_SERIAL_NUMBER",
)
_MAKES = ("dicom.Manufacturer", "tiff.Make")


def scanner(properties: Mapping[str, str]) -> str:
    """Return make and model, for example `Leica Biosystems GT450` or `aperio`; the format if no more is known."""
    make = _first(properties, _MAKES) or properties.get("openslide.vendor", "")
    model = _first(properties, _MODELS)
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def scanner_serial(properties: Mapping[str, str]) -> str:
    """Return the serial number of the scanner, or its name in the laboratory; empty if the file does not say."""
    return _first(properties, _SERIALS)


def objective(properties: Mapping[str, str]) -> str:
    """Return the magnification that the file states, for display only; empty if there is none."""
    return properties.get("openslide.objective-power", "")


def _first(properties: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((text for key in keys if (text := " ".join(properties.get(key, "").split()))), "")
