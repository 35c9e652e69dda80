"use strict";
// Drop, many files at once, and answers for which the window is not left: so going back, or to the other language,
// loses none. They are kept in this window and nowhere else. All words stand in pages of this host, and what is
// shown are those pages, or parts of them, as they are.
(() => {
  const AT_ONCE = 4, TRIES = 12, FEW = 3, PAUSE = 5;
  const root = document.documentElement, body = document.body;

  const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const clean = (name) =>
    name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (found) => `⟨${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
  const made = (name, values, ...children) => {
    const element = Object.assign(document.createElement(name), values);
    element.append(...children);
    return element;
  };
  const upload = () => document.querySelector("form.upload");

  // the reader's own time beside UTC: with the day where it is another one
  const localised = (main, lang) => {
    const language = lang === "en" ? "en-GB" : lang;
    for (const time of main.querySelectorAll("time")) {
      const when = new Date(time.dateTime);
      if (!when.getTimezoneOffset()) continue;
      const day = when.getDate() === when.getUTCDate() ? {} : { dateStyle: "long" };
      const here = new Intl.DateTimeFormat(language, { ...day, timeStyle: "short", hourCycle: "h23" }).format(when);
      time.append(made("span", { className: "local", textContent: fill(main.dataset.local, { time: here }) }));
    }
  };
  localised(document.getElementById("main"), root.lang);

  // what is shown, and what was before
  const live = body.appendChild(made("p", { className: "unseen", role: "status" }));
  const views = new Map();
  let place = history.state?.place ?? 0;
  let sent = null; // what is judged on the page that is shown
  history.replaceState({ place }, "");

  const shown = () => ({
    title: document.title, lang: root.lang, dir: root.dir, sent,
    nodes: [...body.childNodes].filter((node) => node !== live),
  });
  const show = (view) => {
    for (const node of shown().nodes) node.remove();
    [document.title, root.lang, root.dir, sent] = [view.title, view.lang, view.dir, view.sent];
    body.prepend(...view.nodes);
    live.textContent = view.title;
  };
  const enter = (view, address, isNew) => {
    views.set(place, shown());
    if (isNew) history.pushState({ place: ++place }, "", address);
    else history.replaceState({ place }, "", address);
    show(view);
    scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  };
  addEventListener("popstate", ({ state }) => {
    if (!state) return history.replaceState({ place }, ""); // a link within the page
    if (state.place === place) return;
    views.set(place, shown());
    place = state.place;
    if (views.has(place)) show(views.get(place));
    else location.reload();
  });

  // before anything is sent
  const refused = (form, files) => {
    const { file, files: most, tooLarge, tooMany } = form.dataset, wrong = form.querySelector(".wrong");
    const lines = files
      .filter((one) => one.size > Number(file))
      .slice(0, 10)
      .map((one) => fill(tooLarge, { name: `\u2068${clean(one.name).slice(0, 200)}\u2069`, size: (one.size / 1048576).toFixed(1) }));
    if (files.length > Number(most)) lines.push(tooMany);
    wrong.textContent = lines.join("\n");
    wrong.hidden = lines.length === 0;
    return lines.length > 0;
  };
  const hold = (form, isHeld) => {
    const busy = form.querySelector(".busy");
    busy.textContent = isHeld ? busy.dataset.busy : "";
    form.querySelector("button").disabled = form.elements.file.disabled = isHeld;
  };

  document.addEventListener("change", ({ target }) => {
    if (target.type === "file" && target.files.length) target.form.requestSubmit();
  });
  const over = (isOver) => upload().querySelector(".drop").classList.toggle("over", isOver);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || over(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    const form = upload(), input = form.elements.file;
    if (!event.dataTransfer.files.length || input.disabled) return;
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches(".upload")) return;
    event.preventDefault();
    const files = [...form.elements.file.files];
    if (refused(form, files)) return;
    const isMany = files.length > 1 && !form.elements.text.value.trim();
    judge({ files: isMany ? files : [], form: new FormData(form) }, form.action, true);
  });
  document.addEventListener("click", (event) => {
    if (event.target.type === "file") event.target.value = ""; // so that the same file can be chosen again
    const link = event.target.closest("nav a[hreflang]");
    if (!link || !sent) return;
    event.preventDefault();
    judge(sent, link.href, false);
  });

  // asking
  const ask = async (address, form, tries) => {
    for (let tried = 1; ; tried++) {
      let pause = PAUSE;
      try {
        const found = await fetch(address, { method: "POST", body: form, redirect: "error", credentials: "same-origin" });
        if ((found.status !== 503 && found.status !== 429) || tried >= tries) return found;
        pause = Math.min(Number(found.headers.get("Retry-After")) || PAUSE, 60);
      } catch (error) {
        if (tried >= FEW) throw error;
      }
      await wait(pause);
    }
  };
  const read = async (answer, about) => {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const { lang, dir } = page.documentElement;
    localised(page.getElementById("main"), lang);
    return { title: page.title, lang, dir, sent: about, nodes: [...page.body.childNodes].map((node) => document.adoptNode(node)) };
  };
  const judge = async (given, address, isNew) => {
    const form = upload(), before = place;
    hold(form, true);
    try {
      const isMany = given.files.length > 0;
      const view = await read(isMany ? await fetch(address) : await ask(address, given.form, FEW), given);
      if (place !== before) return;
      if (isMany) await judgeAll(view, address, isNew);
      else enter(view, address, isNew);
    } catch {
      const wrong = form.querySelector(".wrong");
      wrong.textContent = form.dataset.unsent;
      wrong.hidden = false;
    } finally {
      hold(form, false);
    }
  };

  // many files
  const inUTC = (said) => {
    const copy = said.cloneNode(true);
    for (const local of copy.querySelectorAll(".local")) local.remove();
    return copy; // the table may be kept, and read elsewhere
  };
  const judged = async (file, address, { unsent }) => {
    const form = new FormData();
    form.append("file", file);
    try {
      const page = await read(await ask(address, form, TRIES));
      const main = page.nodes.find((node) => node.id === "main");
      const articles = [...main.querySelectorAll("article.answer")];
      return { articles, problem: articles.length ? "" : page.title };
    } catch {
      return { articles: [], problem: unsent };
    }
  };
  const judgeAll = async (view, address, isNew) => {
    const main = view.nodes.find((node) => node.id === "main"), template = main.querySelector("#many");
    main.replaceChildren(document.importNode(template.content, true));
    const many = main.querySelector(".many-answer"), form = main.querySelector("form"), words = many.dataset;
    const title = many.querySelector("h1"), bar = many.querySelector("progress"), rows = many.querySelector("tbody");
    const articles = many.querySelector(".articles"), keep = many.querySelector(".keep");
    const { files } = view.sent, counts = {};
    let count = 0;
    main.append(template);
    view.title = title.textContent;
    hold(form, true);
    enter(view, address, isNew);
    bar.max = files.length;
    const lines = files.map((file) => {
      const line = rows.insertRow();
      line.insertCell().textContent = "…";
      line.insertCell().append(made("bdi", { textContent: clean(file.name).slice(0, 300) }));
      line.insertCell();
      return line;
    });
    const tell = (line, { answer, kind, word, shape, name, says, digest, number }) => {
      line.cells[0].className = kind;
      line.cells[0].replaceChildren(made("span", { className: "chip" }, ...shape, word));
      if (number) line.cells[1].replaceChildren(made("a", { href: `#file-${number}` }, made("bdi", { textContent: name })));
      line.cells[2].replaceChildren(...says);
      counts[answer] = (counts[answer] || 0) + 1;
      line.told = [name, word, line.cells[2].textContent, digest];
    };
    const one = async (file, line, where) => {
      const found = await judged(file, address, form.dataset);
      if (found.problem)
        tell(line, {
          answer: "unreadable", kind: "unreadable", word: form.dataset.unread, shape: [],
          name: clean(file.name), says: [found.problem], digest: "", number: 0,
        });
      for (const article of found.articles) {
        const number = ++count, heading = article.querySelector(".word"), { answer, digest } = article.dataset;
        article.id = `file-${number}`;
        heading.id = `verdict-${number}`;
        article.setAttribute("aria-labelledby", heading.id);
        tell(line, {
          answer, digest, number,
          kind: article.className.replace("answer", "").trim(),
          word: heading.firstChild.textContent.trim(),
          shape: [article.querySelector(".shape").cloneNode(true)],
          name: article.querySelector(".file").textContent,
          says: [...article.querySelectorAll(".sentence")].slice(0, 3).flatMap((said) => [...inUTC(said).childNodes, " "]),
        });
        where.append(article);
        if (article !== found.articles.at(-1)) {
          const next = line.cloneNode(true);
          line.after(next);
          line = next;
        }
      }
      bar.value += 1;
    };
    const places = files.map(() => articles.appendChild(made("div", {})));
    const queue = files.map((file, number) => () => one(file, lines[number], places[number]));
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await next();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const told = [...rows.rows].map((line) => line.told);
    const each = ["valid", "invalid", "undetermined", "unreadable"]
      .filter((answer) => counts[answer])
      .map((answer) => fill(words.each, { count: counts[answer], verdict: words[answer] }));
    view.title = title.textContent = fill(words.summary, {
      files: fill(words.several, { count: told.length }),
      verdicts: each.join(words.comma),
    });
    if (title.isConnected) document.title = view.title;
    bar.hidden = true;
    const cell = (value) => `"${value.trim().replace(/(^|[,;\t\r\n])(?=[^\p{L}\p{N}_,;\t\r\n=+@＝＋－＠﹢﹣﹦﹫-]*[=+@＝＋－＠﹢﹣﹦﹫-])/gu, "$1'").replaceAll('"', '""')}"`; // as wire.text.guarded
    const csv = [words.head.split("\n"), ...told].map((row) => row.map(cell).join(",")).join("\r\n");
    keep.href = URL.createObjectURL(new Blob(["\ufeff", csv, "\r\n"], { type: "text/csv" }));
    keep.hidden = false;
    hold(form, false);
  };
})();
