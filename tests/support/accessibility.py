"""Checks what a page offers to keyboards and screen readers, in the browser: computed names and computed colours."""

from typing import Any

_CHECKS = r"""
() => {
  const problems = [];
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
  const luminance = ([red, green, blue]) => {
    const linear = [red, green, blue].map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const background = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const found = channels(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  for (const [selector, count] of [["h1", 1], ["main", 1], ["header", 1], ["title", 0], ["[lang]", 1]]) {
    if (all(selector).length !== count) problems.push(`${all(selector).length} of ${selector}`);
  }
  const levels = all("h1, h2, h3, h4").map((one) => Number(one.tagName[1]));
  levels.forEach((level, at) => {
    if (at && level > levels[at - 1] + 1) problems.push(`heading ${level} after ${levels[at - 1]}`);
  });
  for (const field of all("input, select, textarea")) {
    if (field.type !== "hidden" && field.labels.length !== 1) problems.push(`no label: ${field.name}`);
  }
  for (const one of all("a, button, summary")) {
    if (one.textContent.trim() === "") problems.push(`no name: ${one.outerHTML}`);
  }
  for (const drawing of all("svg")) {
    if (!drawing.matches("[aria-hidden=true], [aria-label], [aria-labelledby]")) problems.push("no name: svg");
  }
  const names = all("section, nav, [role=region]").map((one) => one.getAttribute("aria-label") ||
    document.getElementById(one.getAttribute("aria-labelledby")).textContent);
  names.filter((name, at) => names.indexOf(name) !== at).forEach((name) => problems.push(`two landmarks: ${name}`));
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => problems.push(`id ${id} twice`));
  for (const attribute of ["for", "aria-labelledby", "aria-describedby"]) {
    for (const one of all(`[${attribute}]`)) {
      for (const id of one.getAttribute(attribute).split(" ")) {
        if (!document.getElementById(id)) problems.push(`${attribute}=${id}`);
      }
    }
  }
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const texts = all("body *").filter(hasText);
  for (const one of texts.filter((text) => !text.disabled)) {
    const style = getComputedStyle(one);
    const colour = one instanceof SVGElement ? style.fill : style.color;
    const [light, dark] = [channels(colour), background(one)].map(luminance).sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) problems.push(`contrast ${contrast.toFixed(1)}: ${one.textContent.slice(0, 40)}`);
  }
  return problems;
}
"""


def find_problems(page: Any) -> list[str]:
    """Return what is wrong with a Playwright page.

    One heading of the first level, no level left out, landmarks with different names, a label for each field, a name
    for each control and drawing, ids that exist once, and a contrast of 4.5 of every text (WCAG 2.2, 1.3.1, 1.4.3,
    2.4.6, 4.1.2).
    """
    found: list[str] = page.evaluate(_CHECKS)
    return found
