"use strict";
// Draws the timeline of the run, and orders tables. Names are set as text, never as markup.
(() => {
    const charts = JSON.parse(document.getElementById("charts").textContent);
    const at = id => document.getElementById(id);
    const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
    const END = charts.end;
    const BINARY = Array.from({ length: 50 }, (_, power) => 2 ** power);
    let heap = Math.min(charts.first, charts.heaps.length - 1);
    let range = [0, END];
    let cursor = null;
    let chart = null;

    const bytes = count => {
        const units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let unit = 0;
        while (count >= 1024 && unit < units.length - 1) { count /= 1024; unit++; }
        return (unit ? count.toFixed(2) : count) + " " + units[unit];
    };
    // Beside an axis there is no room for zeros that say nothing.
    const short = count => bytes(count).replace(/\.00(?= )/, "").replace(/(\.\d)0(?= )/, "$1");
    const time = ns => charts.positions ? Math.round(ns).toLocaleString("en") + " events" : ns >= 1e9 ? (ns / 1e9).toFixed(3) + " s"
        : ns >= 1e6 ? (ns / 1e6).toFixed(1) + " ms" : (ns / 1e3).toFixed(1) + " µs";

    /// Puts a button into an element.
    const button = (into, label, act) => {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = label;
        made.addEventListener("click", act);
        into.append(made);
        return made;
    };

    // The range that all charts share.
    const look = (from, to) => {
        const least = Math.min(END, 1000);
        const width = Math.min(END, Math.max(to - from, least));
        const start = Math.min(Math.max(0, from), END - width);
        range = [start, start + width];
        [at("chart").dataset.from, at("chart").dataset.to] = range.map(Math.round);
        if (chart) chart.setScale("x", { min: range[0], max: range[1] });
        drawStays();
    };
    const zoom = factor => {
        const [from, to] = range;
        const middle = cursor !== null && cursor >= from && cursor <= to ? cursor : (from + to) / 2;
        look(middle - (middle - from) * factor, middle + (to - middle) * factor);
    };
    const pan = share => look(range[0] + (range[1] - range[0]) * share, range[1] + (range[1] - range[0]) * share);
    const point = ns => {
        cursor = ns;
        at("readout").textContent = words(ns);
        drawStays();
        if (chart) chart.redraw(false);
    };

    const words = ns => {
        const shown = charts.heaps[heap];
        if (!shown) return "";
        const points = shown.allocated.length;
        const index = Math.min(points - 1, Math.max(0, Math.ceil((ns + 1) * points / END) - 1));
        const said = [time(ns)];
        if (shown.allocated[index] !== null) {
            const [least, most] = [bytes(shown.least[index]), bytes(shown.allocated[index])];
            said.push("allocated " + (least === most ? most : least + " to " + most));
        }
        if (shown.reserved.length && shown.reserved[index] !== null) said.push("reserved " + bytes(shown.reserved[index]));
        const phases = charts.phases.filter(phase => phase[1] <= ns && ns <= phase[2]).map(phase => phase[0]);
        if (phases.length) said.push("in " + phases.slice(0, 4).join(" / "));
        const near = (range[1] - range[0]) / 200;
        const sign = charts.signs.find(sign => Math.abs(sign[1] - ns) <= near);
        if (sign) said.push(sign[0] + " at " + time(sign[1]));
        return said.join(" · ");
    };

    // Signs, and where was pointed to, over the chart.
    const drawSigns = u => {
        const { ctx, bbox } = u;
        ctx.save();
        ctx.lineWidth = devicePixelRatio;
        const line = (ns, stroke) => {
            if (ns < range[0] || ns > range[1]) return;
            const x = Math.round(u.valToPos(ns, "x", true));
            ctx.strokeStyle = stroke;
            ctx.beginPath();
            ctx.moveTo(x, bbox.top);
            ctx.lineTo(x, bbox.top + bbox.height);
            ctx.stroke();
        };
        ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
        const { capacity } = charts.heaps[heap];
        if (capacity !== null && capacity <= u.scales.y.max) {
            const y = Math.round(u.valToPos(capacity, "y", true));
            ctx.strokeStyle = colour("fail");
            ctx.beginPath();
            ctx.moveTo(bbox.left, y);
            ctx.lineTo(bbox.left + bbox.width, y);
            ctx.stroke();
        }
        charts.signs.forEach(sign => line(sign[1], sign[0].startsWith("no room") ? colour("fail") : colour("line")));
        ctx.setLineDash([]);
        if (cursor !== null) line(cursor, colour("ink"));
        ctx.restore();
    };

    // A capacity far above all that was used would leave the chart flat.
    const within = (capacity, most) => capacity !== null && capacity <= 3 * most;

    const drawChart = () => {
        const shown = charts.heaps[heap];
        at("chart").replaceChildren();
        chart = null;
        if (!shown) { at("readout").textContent = "Nothing was allocated."; return; }
        const points = shown.allocated.length;
        const times = shown.allocated.map((_, index) => (index + 0.5) * END / points);
        const step = uPlot.paths.stepped({ align: 1 });
        const axis = { stroke: colour("faint"), grid: { stroke: colour("line"), width: 0.5 }, ticks: { stroke: colour("line") } };
        const series = [
            { label: "time", value: (_, ns) => ns === null ? "–" : time(ns) },
            { label: "allocated, most", stroke: colour("allocated"), width: 1.5, value: (_, v) => v === null ? "–" : bytes(v), paths: step, points: { show: false } },
            { label: "least", stroke: colour("allocated"), width: 0.5, value: (_, v) => v === null ? "–" : bytes(v), paths: step, points: { show: false } },
        ];
        const data = [times, shown.allocated, shown.least];
        if (shown.reserved.length) {
            series.push({ label: "reserved, most", stroke: colour("reserved"), width: 1.5, value: (_, v) => v === null ? "–" : bytes(v), paths: step, points: { show: false } });
            data.push(shown.reserved);
        }
        chart = new uPlot({
            width: at("chart").clientWidth,
            height: innerWidth < 640 ? 220 : 320,
            scales: { x: { time: false, range: () => range }, y: { range: (_, least, most) => [0, Math.max(most * 1.05, within(shown.capacity, most) ? shown.capacity * 1.02 : 0, 1)] } },
            padding: [8, 0, 0, 0],
            axes: [
                { ...axis, space: 80, values: (_, splits) => splits.map(time) },
                { ...axis, font: FONT, size: side(), incrs: BINARY, values: (_, splits) => splits.map(short) },
            ],
            series,
            bands: [{ series: [1, 2], fill: colour("allocated") + "55" }],
            cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
            hooks: {
                draw: [drawSigns],
                setSelect: [u => {
                    if (u.select.width < 3) return;
                    look(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
                    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
                }],
                setCursor: [u => {
                    if (u.cursor.left >= 0) { at("readout").textContent = words(u.posToVal(u.cursor.left, "x")); }
                }],
            },
        }, data, at("chart"));
        chart.over.addEventListener("dblclick", event => { event.stopImmediatePropagation(); look(0, END); }, true);
        chart.over.addEventListener("click", () => { if (chart.cursor.left >= 0) point(chart.posToVal(chart.cursor.left, "x")); });
    };
    /// The room beside all charts: for names of modules, and for the longest label of an axis with its tick.
    const FONT = "12px system-ui, sans-serif";
    const side = () => {
        const pen = document.createElement("canvas").getContext("2d");
        pen.font = FONT;
        return Math.max(innerWidth < 640 ? 75 : 130, Math.ceil(pen.measureText("1023.99 MiB").width) + 20);
    };

    // Where modules were: a row each, on the same range.
    const ROW = 18;
    const stays = at("stays");
    const tierColour = name => {
        if (!name.startsWith("device")) return colour(name) || colour("line");
        return colour(["device", "device-2", "device-3"][Number(name.slice(7)) % 3]) || colour("device");
    };
    const drawStays = () => {
        if (!stays) return;
        const width = stays.clientWidth, rows = ROW * charts.modules.length, height = rows + ROW;
        const ratio = devicePixelRatio || 1;
        stays.width = width * ratio;
        stays.height = height * ratio;
        stays.style.height = height + "px";
        const pen = stays.getContext("2d");
        pen.scale(ratio, ratio);
        const left = side(), colours = charts.tiers.map(tierColour);
        const x = ns => left + (ns - range[0]) / (range[1] - range[0]) * (width - left);
        pen.font = FONT;
        pen.textBaseline = "middle";
        charts.modules.forEach((module, row) => {
            const y = row * ROW;
            for (const [tier, from, to] of module.stays) {
                if (to < range[0] || from > range[1]) continue;
                const start = Math.max(left, x(from)), end = Math.min(width, x(to));
                pen.fillStyle = colours[tier];
                pen.fillRect(start, y + 2, Math.max(1, end - start), ROW - 4);
            }
            pen.fillStyle = colour("ink");
            let name = module.name;
            while (name.length > 2 && pen.measureText(name).width > left - 8) name = "…" + name.slice(2);
            pen.fillText(name, 0, y + ROW / 2);
        });
        // The times below are those of the chart above.
        const parts = width < 640 ? 2 : 5;
        pen.fillStyle = colour("faint");
        for (let part = 0; part <= parts; part++) {
            const ns = range[0] + (range[1] - range[0]) * part / parts;
            pen.textAlign = part === 0 ? "left" : part === parts ? "right" : "center";
            pen.fillText(time(ns), x(ns), rows + ROW / 2);
        }
        pen.textAlign = "left";
        if (cursor !== null && cursor >= range[0] && cursor <= range[1]) {
            pen.fillStyle = colour("ink");
            pen.fillRect(x(cursor), 0, 1, rows);
        }
    };
    const overStays = event => {
        const box = stays.getBoundingClientRect();
        const left = side();
        const module = charts.modules[Math.floor((event.clientY - box.top) / ROW)];
        const share = (event.clientX - box.left - left) / (box.width - left);
        if (!module || share < 0) return null;
        const ns = range[0] + share * (range[1] - range[0]);
        const stay = module.stays.find(([, from, to]) => from <= ns && ns <= to);
        const where = stay ? charts.tiers[stay[0]] + " from " + time(stay[1]) + " to " + time(stay[2]) : "nowhere known";
        const rest = module.stays_left_out ? " · " + module.stays_left_out + " short stays are left out" : "";
        at("stay").textContent = module.name + " · " + time(ns) + " · " + where + rest;
        return ns;
    };
    if (stays) {
        stays.addEventListener("pointermove", overStays);
        stays.addEventListener("click", event => { const ns = overStays(event); if (ns !== null) point(ns); });
        charts.tiers.forEach(name => {
            const entry = document.createElement("span"), box = document.createElement("i");
            entry.className = "tier";
            box.style.background = tierColour(name);
            entry.append(box, name);
            at("tiers").append(entry);
        });
        if (charts.modules_left_out) at("tiers").append(charts.modules_left_out + " modules are left out");
    }

    // Controls.
    const choose = index => {
        heap = index;
        [...at("heaps").children].forEach((one, of) => one.setAttribute("aria-pressed", of === heap));
        drawChart();
    };
    charts.heaps.forEach((one, index) => button(at("heaps"), one.name, () => choose(index)));
    const show = ns => {
        const width = Math.min(range[1] - range[0], END / 5);
        look(ns - width / 2, ns + width / 2);
        point(ns);
        at("timeline").scrollIntoView({ block: "start" });
    };
    const controls = {
        "whole": () => look(0, END), "to-peak": () => charts.heaps[heap] && show(charts.heaps[heap].peak),
        "closer": () => zoom(0.5), "farther": () => zoom(2), "earlier": () => pan(-0.5), "later": () => pan(0.5),
    };
    for (const [id, act] of Object.entries(controls)) at(id).addEventListener("click", act);
    const runs = new Map();
    if (at("phases")) charts.phases.slice(0, 40).forEach(([name, from, to]) => {
        runs.set(name, (runs.get(name) || 0) + 1);
        const label = runs.get(name) > 1 ? name + " #" + runs.get(name) : name;
        button(at("phases"), label, () => look(from - (to - from) * 0.05, to + (to - from) * 0.05));
    });
    for (const place of document.querySelectorAll("button[data-time]")) place.addEventListener("click", () => {
        const index = charts.heaps.findIndex(one => one.name === place.dataset.heap);
        if (index >= 0 && index !== heap) choose(index);
        show(Number(place.dataset.time));
    });

    // A click on a head orders the rows by its column, another the other way around.
    for (const head of document.querySelectorAll("th")) head.addEventListener("click", () => {
        const column = head.cellIndex, body = head.closest("table").tBodies[0];
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = row => row.cells[column].dataset.value;
        const order = (a, b) => value(a) !== undefined ? Number(value(a)) - Number(value(b))
            : a.cells[column].textContent.localeCompare(b.cells[column].textContent);
        body.append(...[...body.rows].sort((a, b) => down ? order(b, a) : order(a, b)));
    });

    const draw = () => { if (charts.heaps.length) choose(heap); else drawChart(); drawStays(); };
    addEventListener("resize", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    draw();
})();
