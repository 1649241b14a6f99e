"""What the OME metadata in a TIFF file says about its pixels."""

from xml.etree import ElementTree


def ome_properties(xml: str | None) -> dict[str, str]:
    """Return `ome.PhysicalSizeX` and so on of the first image; nothing if it is no OME, damaged or has a DOCTYPE."""
    if not xml or "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        return {}
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):  # the latter for an encoding that nobody knows
        return {}
    pixels = root.find("{*}Image/{*}Pixels")
    found = {} if pixels is None else pixels.attrib
    return {f"ome.{name}": value for name, value in found.items() if name.startswith("PhysicalSize")}
