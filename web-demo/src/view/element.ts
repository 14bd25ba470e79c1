/** Makes elements without a framework. */
type Child = Node | string | null | undefined | false;
type Properties = Record<string, unknown>;

/** An element with attributes (`on...` are listeners) and children; text is never read as markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  assign(made, properties);
  made.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return made;
}

/** An SVG element. */
export function drawing(name: string, properties: Properties = {}, ...children: Node[]): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  assign(made, properties);
  made.append(...children);
  return made;
}

/** Sets or removes attributes. */
export function assign(target: Element, properties: Properties): void {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on") && typeof value === "function") {
      target.addEventListener(name.slice(2), value as EventListener);
    } else if (name.startsWith("aria-") && typeof value === "boolean") {
      // To ARIA "false" is a word of its own: a button that is not pressed, not one that cannot be.
      target.setAttribute(name, String(value));
    } else if (value === false || value === null || value === undefined) {
      target.removeAttribute(name);
    } else {
      target.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/** Sets the text only when it differs, so that screen readers are not told twice. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
