// Before the first paint: the page may show what only works with script.
document.documentElement.classList.add("scripted");
