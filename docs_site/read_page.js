// Returns what a reader meets on the open page: {width, background, small, faint}; run by browser.py.
() => {
  const SMALLEST_PX = 12, CONTRAST = 4.5, CONTRAST_OF_LARGE = 3;
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const seen = new Map();

  const rgba = colour => {
    if (!seen.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      seen.set(colour, [red, green, blue, alpha / 255]);
    }
    return seen.get(colour);
  };

  const over = (front, back, alpha) => back.map((part, at) => front[at] * alpha + part * (1 - alpha));

  const luminance = colour => {
    const [red, green, blue] = colour.map(part => part / 255).map(x => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };

  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };

  const ancestors = element => {
    const found = [];
    for (let at = element; at; at = at.parentElement) found.push(getComputedStyle(at));
    return found;
  };

  // Colour behind an element, null where a picture is.
  const behind = chain => {
    let colour = [255, 255, 255];
    const solid = chain.findIndex(style => rgba(style.backgroundColor)[3] === 1);
    const layers = (solid < 0 ? chain : chain.slice(0, solid + 1)).reverse();
    if (layers.some(style => style.backgroundImage !== "none")) return null;
    for (const style of layers) {
      const back = rgba(style.backgroundColor);
      colour = over(back, colour, back[3]);
    }
    return colour;
  };

  const isSeen = (node, element) => {
    if (!node.data.trim() || /^(script|style|noscript|template|title)$/i.test(element.tagName)) return false;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    return box.width > 1 && box.height > 1;
  };

  const judge = (node, element) => {
    const chain = ancestors(element), style = chain[0], svg = element.closest("svg");
    const size = parseFloat(style.fontSize) * (svg ? element.getScreenCTM().a : 1);
    const isLarge = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    const colour = rgba(svg ? style.fill : style.color), back = behind(chain);
    const opacity = chain.reduce((product, one) => product * parseFloat(one.opacity), 1);
    const ratio = back ? contrast(over(colour, back, colour[3] * opacity), back) : 21;
    const text = node.data.trim().slice(0, 40);
    return {
      small: size < SMALLEST_PX - 0.01 ? `${size.toFixed(1)} px: ${text}` : "",
      faint: ratio < (isLarge ? CONTRAST_OF_LARGE : CONTRAST) - 0.005 ? `contrast ${ratio.toFixed(2)}: ${text}` : "",
    };
  };

  const small = new Set(), faint = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, element = node.parentElement;
    if (!isSeen(node, element)) continue;
    const found = judge(node, element);
    if (found.small) small.add(found.small);
    if (found.faint) faint.add(found.faint);
  }
  return {
    width: document.documentElement.scrollWidth,
    background: behind(ancestors(document.body)),
    small: [...small],
    faint: [...faint],
  };
}
