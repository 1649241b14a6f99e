"""A self-contained HTML page of stage 1 in its style."""

import base64
from collections.abc import Sequence
from html import escape

_STYLE = """
:root{color-scheme:light}body{font:16px/1.55 system-ui,sans-serif;color:#222;background:#fafaf8;margin:0}
main{max-width:1040px;margin:0 auto;padding:28px 20px 60px}h1{margin:0 0 4px;font-size:28px}
h2{margin:40px 0 8px;font-size:21px;border-bottom:1px solid #ddd;padding-bottom:4px}h3{margin:0 0 6px;font-size:17px}
.lead{color:#555;margin-top:0}.card{background:#fff;border:1px solid #e2e2de;border-radius:8px;padding:14px 16px;
margin:14px 0}.thumbs{display:flex;flex-wrap:wrap;gap:6px;margin:8px 0}.thumbs img{height:120px;border-radius:4px}
.classbar{display:flex;height:22px;border-radius:4px;overflow:hidden;font-size:12px;text-align:center;line-height:22px}
.legend span{margin-right:18px;white-space:nowrap}.legend i,h3 i{display:inline-block;width:12px;height:12px;
border-radius:3px;margin-right:6px}.charts{display:flex;flex-wrap:wrap;gap:16px}.charts figure{flex:1 1 280px;margin:0}
figcaption{font-weight:600;font-size:14px}svg text{font-size:14px;fill:#666}.axis{stroke:#999}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:10px 0;font-size:15px}
td,th{padding:5px 12px;text-align:left;border-bottom:1px solid #e6e6e2;font-variant-numeric:tabular-nums}
.heat td{text-align:center;min-width:64px;border:2px solid #fafaf8;border-radius:6px}.heat th{border:0}
.heat .self{color:#666}.ratio{position:relative;width:220px;height:14px;background:#eee;border-radius:3px}
.ratio span{display:block;height:100%;border-radius:3px}.ratio b{position:absolute;left:50%;top:-3px;width:2px;
height:20px;background:#222}.note{background:#fff6e0;border-left:4px solid #e0b040;padding:8px 14px}
.small{color:#666;font-size:14px}img.figure{max-width:100%}
@media(max-width:640px){main{padding:12px 10px 40px}td,th{padding:4px 6px}.thumbs img{height:84px}
img.figure{max-width:none}}
@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark}body{color:#e4e4e2;background:#17181b}
.card{background:#202226;border-color:#3a3c40}h2{border-color:#44464a}.lead,.small{color:#b0b0ac}svg text{fill:#b0b0ac}
td,th{border-color:#3a3c40}.heat td{border-color:#17181b}.heat .self{color:#aaa}
.ratio{background:#3a3c40}.ratio b{background:#eee}.note{background:#3d3420}.classbar{color:#222}}
"""


def html_page(title: str, sections: Sequence[str]) -> str:
    """Return a page from a title (text) and sections (HTML)."""
    return (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<style>{_STYLE}</style></head><body><main>{''.join(sections)}</main></body></html>"
    )


def data_uri(content: bytes, kind: str) -> str:
    """Return an image file (`kind` is jpeg or png) as the source of an img element."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
