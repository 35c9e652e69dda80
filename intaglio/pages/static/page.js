"use strict";
// Drop, and many files at once: each a form of its own, sent to where the form on the page leads. All words
// stand in the page, and all answers are pages of this host, of which parts are taken as they are.
(() => {
  const form = document.querySelector("form.upload");
  if (!form) return;
  const input = form.elements.file, text = form.elements.text, button = form.querySelector("button");
  const wrong = form.querySelector(".wrong"), busy = form.querySelector(".busy"), drop = form.querySelector(".drop");
  const AT_ONCE = 4, TRIES = 12, PAUSE = 5;

  const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const clean = (name) =>
    name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (found) => `⟨${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
  const bdi = (words) => Object.assign(document.createElement("bdi"), { textContent: words });

  // before anything is sent
  const refused = (files) => {
    const largest = Number(form.dataset.file), most = Number(form.dataset.files);
    const lines = files
      .filter((file) => file.size > largest)
      .slice(0, 10)
      .map((file) => fill(form.dataset.tooLarge, { name: `\u2068${clean(file.name).slice(0, 200)}\u2069`, size: (file.size / 1048576).toFixed(1) }));
    if (files.length > most) lines.push(form.dataset.tooMany);
    wrong.textContent = lines.join("\n");
    wrong.hidden = lines.length === 0;
    return lines.length > 0;
  };
  const chosen = () => [...input.files];

  input.addEventListener("change", () => refused(chosen()));
  for (const name of ["dragenter", "dragover"])
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  for (const name of ["dragleave", "drop"])
    document.addEventListener(name, (event) => {
      event.preventDefault();
      if (name === "drop" || !event.relatedTarget) drop.classList.remove("over");
    });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length || button.disabled) return;
    input.files = event.dataTransfer.files;
    if (!refused(chosen())) form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    const files = chosen();
    if (refused(files)) return event.preventDefault();
    if (files.length > 1 && !text.value.trim()) {
      event.preventDefault();
      checkAll(files);
    } else {
      busy.textContent = busy.dataset.busy;
    }
  });
  window.addEventListener("pageshow", () => (busy.textContent = "")); // also when one goes back

  // many files
  const answered = async (file) => {
    for (let tries = 1; ; tries++) {
      let found;
      try {
        const body = new FormData();
        body.append("file", file);
        found = await fetch(form.action, { method: "POST", body, redirect: "error", credentials: "same-origin" });
      } catch {
        if (tries >= 3) return { articles: [], problem: form.dataset.unsent };
        await wait(PAUSE);
        continue;
      }
      if ((found.status === 503 || found.status === 429) && tries < TRIES) {
        await wait(Math.min(Number(found.headers.get("Retry-After")) || PAUSE, 60));
        continue;
      }
      const page = new DOMParser().parseFromString(await found.text(), "text/html");
      const articles = [...page.querySelectorAll("article.answer")].map((one) => document.adoptNode(one));
      return { articles, problem: articles.length ? "" : page.title };
    }
  };

  const checkAll = async (files) => {
    const many = document.getElementById("many").content.cloneNode(true).firstElementChild;
    const main = document.getElementById("main"), title = many.querySelector("h1"), bar = many.querySelector("progress");
    const body = many.querySelector("tbody"), articles = many.querySelector(".articles"), keep = many.querySelector(".keep");
    const counts = {};
    let count = 0;
    for (const old of main.querySelectorAll(".many-answer, article.answer, :scope > h1, [role=status]:has(h1), .lead, .wide, .wide + p")) old.remove();
    main.prepend(many);
    button.disabled = input.disabled = true;
    bar.max = files.length;
    const lines = files.map((file) => {
      const line = body.insertRow();
      line.insertCell().textContent = "…";
      line.insertCell().append(bdi(clean(file.name).slice(0, 300)));
      line.insertCell();
      return line;
    });
    const show = (line, kind, word, shape, name, says, digest, number) => {
      const chip = Object.assign(document.createElement("span"), { className: "chip" });
      chip.append(...(shape ? [shape.cloneNode(true)] : []), word);
      line.cells[0].className = kind;
      line.cells[0].replaceChildren(chip);
      if (number) {
        const link = Object.assign(document.createElement("a"), { href: `#file-${number}` });
        link.append(bdi(name));
        line.cells[1].replaceChildren(link);
      }
      line.cells[2].replaceChildren(...says);
      counts[kind] = (counts[kind] || 0) + 1;
      line.told = [name, word, line.cells[2].textContent, digest];
    };
    const one = async (file, line, place) => {
      const found = await answered(file);
      if (found.problem) show(line, "unreadable", form.dataset.unread, null, clean(file.name), [found.problem], "", 0);
      for (const article of found.articles) {
        const number = ++count, heading = article.querySelector(".word"), sentences = article.querySelectorAll(".sentence");
        const kind = article.className.replace("answer", "").trim();
        article.id = `file-${number}`;
        heading.id = `verdict-${number}`;
        article.setAttribute("aria-labelledby", heading.id);
        const says = [...sentences].slice(0, 3).flatMap((sentence) => [...[...sentence.childNodes].map((node) => node.cloneNode(true)), " "]);
        const name = article.querySelector(".file").textContent;
        show(line, kind, heading.firstChild.textContent.trim(), article.querySelector(".shape"), name, says, article.dataset.digest, number);
        place.append(article);
        if (article !== found.articles.at(-1)) {
          const next = line.cloneNode(true);
          line.after(next);
          line = next;
        }
      }
      bar.value += 1;
    };
    const places = files.map(() => articles.appendChild(document.createElement("div")));
    const queue = files.map((file, number) => () => one(file, lines[number], places[number]));
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await next();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const words = many.dataset, rows = [...body.rows].map((line) => line.told);
    const each = ["valid", "invalid", "undetermined", "unreadable"]
      .filter((kind) => counts[kind])
      .map((kind) => `${counts[kind]} ${words[kind]}`);
    title.textContent = document.title = fill(words.summary, {
      files: fill(words.several, { count: rows.length }),
      verdicts: each.join(words.comma),
    });
    bar.hidden = true;
    const cell = (value) => `"${(/^[=+\-@]/.test(value) ? `'${value}` : value).trim().replaceAll('"', '""')}"`;
    const csv = [words.head.split("\n"), ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
    keep.href = URL.createObjectURL(new Blob(["\ufeff", csv, "\r\n"], { type: "text/csv" }));
    keep.hidden = false;
    button.disabled = input.disabled = false;
    form.reset();
  };
})();
