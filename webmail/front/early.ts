// Before the first paint: the page may show what only works with script, and the panes are as wide as somebody likes.
const { dataset, style, classList } = document.documentElement;
classList.add("scripted");
if (dataset.listWidth) style.setProperty("--list-width", `${dataset.listWidth}%`);
if (dataset.sidebarWidth) style.setProperty("--sidebar-width", `${dataset.sidebarWidth}px`);
