// Tables: rows and columns put in and taken out, cells that keys walk through and never tear apart.

import { ask } from "./asking";
import { made } from "./cleaning";
import { type Editor, LINES } from "./editor";

const CELL = "td, th";
const LARGEST = 50;

export async function askTable(editor: Editor): Promise<void> {
  const range = editor.getSelection();
  const answer = await ask("table", {});
  editor.focus();
  if (!answer) return;
  editor.setSelection(range);
  const [rows, columns] = [Number(answer.values.rows), Number(answer.values.columns)];
  if (rows > 0 && columns > 0) insertTable(editor, rows, columns);
}

function insertTable(editor: Editor, rows: number, columns: number): void {
  const table = made("table", LINES);
  const body = made("tbody");
  for (let row = 0; row < Math.min(rows, LARGEST); row++) body.append(freshRow(Math.min(columns, LARGEST)));
  table.append(body);
  editor.saveUndoState();
  editor.insertElement(table);
  if (!table.previousElementSibling) table.before(editor.createDefaultBlock()); // room to write before it
  enter(editor, table.querySelector<HTMLElement>(CELL)!);
}

function freshRow(columns: number): HTMLElement {
  const row = made("tr");
  for (let column = 0; column < columns; column++) row.append(freshCell());
  return row;
}

function freshCell(tag = "td"): HTMLElement {
  const cell = made(tag);
  cell.append(made("br"));
  return cell;
}

export type TableChange =
  | "row-above"
  | "row-below"
  | "column-before"
  | "column-after"
  | "no-row"
  | "no-column"
  | "none";

export function changeTable(editor: Editor, change: TableChange): void {
  const cell = editor.around(CELL) as HTMLTableCellElement | null;
  const table = cell?.closest("table");
  if (!cell || !table) return;
  editor.saveUndoState();
  const grid = laidOut(table);
  const row = grid.findIndex((cells) => cells.includes(cell));
  const column = grid[row]!.indexOf(cell);
  let next: HTMLElement | null = cell;
  if (change === "row-above") addRow(table, grid, row);
  else if (change === "row-below") addRow(table, grid, row + cell.rowSpan);
  else if (change === "column-before") addColumn(grid, column, table);
  else if (change === "column-after") addColumn(grid, column + cell.colSpan, table);
  else {
    next = (grid[row]![column + cell.colSpan] ?? grid[row]![column - 1] ?? null) as HTMLElement | null;
    if (change === "no-row") {
      next = (grid[row + 1]?.[column] ?? grid[row - 1]?.[column] ?? null) as HTMLElement | null;
      removeRow(table, grid, row);
    } else if (change === "no-column") removeColumn(grid, column);
    if (change === "none" || !table.querySelector(CELL)) {
      const after = table.nextElementSibling ?? editor.createDefaultBlock();
      if (!after.isConnected) table.after(after);
      table.remove();
      next = after as HTMLElement;
    }
  }
  enter(editor, next?.isConnected ? next : table.querySelector<HTMLElement>(CELL)!);
}

// The cells as they are seen: one that spans several places stands in each.
function laidOut(table: HTMLTableElement): HTMLTableCellElement[][] {
  const grid: HTMLTableCellElement[][] = [...table.rows].map(() => []);
  [...table.rows].forEach((row, top) => {
    let left = 0;
    for (const cell of row.cells) {
      while (grid[top]![left]) left++;
      for (let down = 0; down < cell.rowSpan && top + down < grid.length; down++) {
        for (let right = 0; right < cell.colSpan; right++) grid[top + down]![left + right] = cell;
      }
      left += cell.colSpan;
    }
  });
  return grid;
}

function addRow(table: HTMLTableElement, grid: HTMLTableCellElement[][], place: number): void {
  const neighbour = table.rows[Math.min(place, grid.length - 1)]!;
  const row = made("tr");
  const width = Math.max(...grid.map((cells) => cells.length));
  for (let column = 0; column < width; column++) {
    const above = grid[place - 1]?.[column];
    if (above && above === grid[place]?.[column]) {
      if (above !== grid[place - 1]?.[column - 1]) above.rowSpan++;
    } else row.append(freshCell());
  }
  if (place < grid.length) neighbour.before(row);
  else neighbour.after(row);
}

function addColumn(grid: HTMLTableCellElement[][], place: number, table: HTMLTableElement): void {
  const stretched = new Set<HTMLTableCellElement>();
  grid.forEach((cells, top) => {
    const [before, after] = [cells[place - 1], cells[place]];
    if (before && before === after) {
      if (!stretched.has(before)) before.colSpan++;
      stretched.add(before);
      return;
    }
    const row = table.rows[top]!;
    const next = cells.slice(place).find((cell) => cell.parentElement === row) ?? null;
    row.insertBefore(freshCell(before?.tagName ?? after?.tagName), next);
  });
}

function removeRow(table: HTMLTableElement, grid: HTMLTableCellElement[][], place: number): void {
  const below = table.rows[place + 1];
  for (const cell of new Set(grid[place])) {
    if (cell.rowSpan === 1) continue;
    cell.rowSpan--;
    if (cell.parentElement !== table.rows[place] || !below) continue;
    const column = grid[place]!.indexOf(cell);
    const next = grid[place + 1]!.slice(column + cell.colSpan).find((each) => each.parentElement === below) ?? null;
    below.insertBefore(cell, next);
  }
  table.rows[place]!.remove();
}

function removeColumn(grid: HTMLTableCellElement[][], place: number): void {
  for (const cell of new Set(grid.map((cells) => cells[place]))) {
    if (!cell) continue;
    if (cell.colSpan > 1) cell.colSpan--;
    else cell.remove();
  }
}

function enter(editor: Editor, place: HTMLElement, atEnd = false): void {
  const range = document.createRange();
  range.selectNodeContents(place);
  range.collapse(!atEnd);
  editor.setSelection(range);
  editor.focus();
  editor._updatePath(range, true);
}

// Keys within tables, before the editor sees them: it would join cells like lines.
export function guardTables(root: HTMLElement, editorOf: () => Editor | null): void {
  root.addEventListener(
    "keydown",
    (event) => {
      const editor = editorOf();
      if (!editor || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (handled(editor, event)) {
        event.preventDefault();
        event.stopImmediatePropagation();
      }
    },
    true,
  );
}

function handled(editor: Editor, event: KeyboardEvent): boolean {
  const cell = editor.around(CELL) as HTMLTableCellElement | null;
  if (event.key === "Tab" && cell) return walk(editor, cell, event.shiftKey ? -1 : 1);
  if (event.key === "Escape" && cell) return leave(editor, cell.closest("table")!);
  const isDeleting = event.key === "Backspace" || event.key === "Delete";
  if (!isDeleting && event.key.length !== 1) return false;
  const range = editor.getSelection();
  const cells = cellsOf(editor, range);
  if (cells.length > 1 && !cell) {
    editor.saveUndoState();
    for (const each of cells) each.replaceChildren(made("br"));
    enter(editor, cells[0]!);
    return isDeleting; // what was typed is put there
  }
  return isDeleting && range.collapsed && isAtBorder(editor, range, cell, event.key === "Backspace");
}

function walk(editor: Editor, cell: HTMLTableCellElement, by: number): boolean {
  const table = cell.closest("table")!;
  const cells = [...table.querySelectorAll<HTMLElement>(CELL)];
  const next = cells[cells.indexOf(cell) + by];
  if (next) enter(editor, next, true);
  else if (by > 0) {
    enter(editor, cell);
    changeTable(editor, "row-below");
    enter(editor, table.rows[table.rows.length - 1]!.cells[0]!);
  } else return false;
  return true;
}

function leave(editor: Editor, table: HTMLElement): boolean {
  if (!table.nextElementSibling) table.after(editor.createDefaultBlock());
  enter(editor, table.nextElementSibling as HTMLElement);
  return true;
}

function cellsOf(editor: Editor, range: Range): HTMLElement[] {
  if (range.collapsed) return [];
  const common = range.commonAncestorContainer;
  const table = (common instanceof Element ? common : common.parentElement)?.closest("table");
  if (!table || !editor.getRoot().contains(table)) return [];
  return [...table.querySelectorAll<HTMLElement>(CELL)].filter((each) => range.intersectsNode(each));
}

function isAtBorder(editor: Editor, range: Range, cell: HTMLElement | null, backwards: boolean): boolean {
  const within = cell ?? block(editor, range);
  if (!within || !isAtEdge(range, within, backwards)) return false;
  if (cell) return true;
  const beside = backwards ? within.previousElementSibling : within.nextElementSibling;
  if (beside?.tagName !== "TABLE") return false;
  const cells = beside.querySelectorAll<HTMLElement>(CELL);
  const next = cells[backwards ? cells.length - 1 : 0];
  if (next) enter(editor, next, backwards);
  return true;
}

function block(editor: Editor, range: Range): HTMLElement | null {
  let node: Node | null = range.startContainer;
  while (node && node.parentNode !== editor.getRoot()) node = node.parentNode;
  return node instanceof HTMLElement ? node : null;
}

// Nothing that is seen stands between the selection and that end of the element.
function isAtEdge(range: Range, within: HTMLElement, start: boolean): boolean {
  const between = document.createRange();
  between.selectNodeContents(within);
  if (start) between.setEnd(range.startContainer, range.startOffset);
  else between.setStart(range.endContainer, range.endOffset);
  const copy = between.cloneContents();
  const breaks = copy.querySelectorAll("br").length;
  return !copy.textContent?.replaceAll("\u200b", "") && !copy.querySelector("img") && breaks <= (start ? 0 : 1);
}
