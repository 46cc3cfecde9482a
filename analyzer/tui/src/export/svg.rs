//! A screen as SVG, for documents and bug reports: it looks the same whatever fonts there are, and follows the reader's
//! choice of a light or a dark background.
//!
//! Text is stretched to its columns. Blocks, shades and braille, of which charts are made, are drawn as shapes.

use std::fmt::Write as _;

use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

/// The size of a cell: of common monospaced fonts at [`FONT`].
const WIDTH: f32 = 8.4;
const HEIGHT: f32 = 18.0;
const FONT: f32 = 14.0;
/// The distance from the top of a cell to the baseline of letters.
const BASELINE: f32 = 13.5;
const MARGIN: f32 = 10.0;

/// The terminal's own colours, on a dark and on a light background: black, red, green, yellow, blue, magenta, cyan, white,
/// then the same brighter.
const DARK: [&str; 16] = [
    "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4", "#6e7681",
    "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#f0f6fc",
];
const LIGHT: [&str; 16] = [
    "#24292f", "#cf222e", "#116329", "#9a6700", "#0969da", "#8250df", "#1b7c83", "#6e7781", "#57606a",
    "#a40e26", "#1a7f37", "#bf8700", "#218bff", "#a475f9", "#3192aa", "#424a53",
];

/// Draws a screen.
pub(super) fn render(buffer: &Buffer) -> String {
    let area = buffer.area;
    let (width, height) = (column(area.width) + MARGIN, row(area.height) + MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <style>\n{}</style>\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"var(--ground)\"/>\n",
        style(),
    );
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let run = TextRun::at(buffer, x, y);
            run.draw(&mut svg);
            x = run.end;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn column(x: u16) -> f32 {
    MARGIN + f32::from(x) * WIDTH
}

fn row(y: u16) -> f32 {
    MARGIN + f32::from(y) * HEIGHT
}

fn style() -> String {
    let variables = |ground: &str, ink: &str, colours: &[&str; 16]| {
        let mut text = format!("--ground:{ground};--ink:{ink};");
        for (number, colour) in colours.iter().enumerate() {
            let _ = write!(text, "--c{number}:{colour};");
        }
        text
    };
    format!(
        "svg{{{}font:{FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace}}\n\
         @media (prefers-color-scheme:light){{svg{{{}}}}}\ntext{{white-space:pre}}\n",
        variables("#0d1117", "#e6edf3", &DARK),
        variables("#ffffff", "#1f2328", &LIGHT),
    )
}

/// Cells beside each other that look alike.
struct TextRun<'a> {
    buffer: &'a Buffer,
    y: u16,
    start: u16,
    end: u16,
    look: CellStyle,
}

/// The style of cells.
#[derive(Clone, Copy, PartialEq)]
struct CellStyle {
    ink: Color,
    ground: Color,
    bold: bool,
    dim: bool,
    drawn: bool,
}

impl CellStyle {
    fn of(cell: &Cell) -> Self {
        let reversed = cell.modifier.contains(Modifier::REVERSED);
        let (mut ink, mut ground) = (cell.fg, cell.bg);
        if reversed {
            // What is reset stands for two colours, by where it is.
            ink = if cell.bg == Color::Reset { GROUND } else { cell.bg };
            ground = if cell.fg == Color::Reset { INK } else { cell.fg };
        }
        Self {
            ink,
            ground,
            bold: cell.modifier.contains(Modifier::BOLD),
            dim: cell.modifier.contains(Modifier::DIM),
            drawn: shape(cell).is_some(),
        }
    }
}

/// The colours of reset cells where these are reversed; no terminal has them among its own.
const INK: Color = Color::Indexed(254);
const GROUND: Color = Color::Indexed(255);

impl<'a> TextRun<'a> {
    fn at(buffer: &'a Buffer, start: u16, y: u16) -> Self {
        let cell = |x: u16| &buffer[(buffer.area.x + x, buffer.area.y + y)];
        let look = CellStyle::of(cell(start));
        let mut end = start + 1;
        while end < buffer.area.width && CellStyle::of(cell(end)) == look {
            end += 1;
        }
        Self { buffer, y, start, end, look }
    }

    fn cells(&self) -> impl Iterator<Item = (u16, &'a Cell)> {
        super::cells(self.buffer, self.start..self.end, self.y)
    }

    fn draw(&self, svg: &mut String) {
        let (x, y, width) = (column(self.start), row(self.y), f32::from(self.end - self.start) * WIDTH);
        if self.look.ground != Color::Reset {
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"{}\"/>",
                paint(self.look.ground),
            );
        }
        let mut look = format!("fill=\"{}\"", paint(self.look.ink));
        if self.look.dim {
            look.push_str(" opacity=\"0.6\"");
        }
        if self.look.drawn { self.draw_shapes(svg, &look) } else { self.draw_text(svg, &look) }
    }

    /// A path a shade, for shades differ in how much of the ground they cover.
    fn draw_shapes(&self, svg: &mut String, look: &str) {
        for cover in [1.0, 0.75, 0.5, 0.25] {
            let mut path = String::new();
            for (x, cell) in self.cells() {
                let Some(shape) = shape(cell).filter(|shape| shape.cover == cover) else { continue };
                for (left, top, right, bottom) in shape.parts {
                    let (x, y) = (column(x) + left * WIDTH, row(self.y) + top * HEIGHT);
                    let (width, height) = ((right - left) * WIDTH, (bottom - top) * HEIGHT);
                    let _ = write!(path, "M{x:.2} {y:.2}h{width:.2}v{height:.2}h-{width:.2}z");
                }
            }
            if !path.is_empty() {
                let _ = writeln!(svg, "<path {look} fill-opacity=\"{cover}\" d=\"{path}\"/>");
            }
        }
    }

    fn draw_text(&self, svg: &mut String, look: &str) {
        let text: String = self.cells().map(|(_, cell)| cell.symbol()).collect();
        let shown = text.trim_end();
        let first = shown.len() - shown.trim_start().len();
        let shown = shown.trim_start();
        if shown.is_empty() {
            return;
        }
        // Blanks are one byte and one column each.
        let x = column(self.start) + first as f32 * WIDTH;
        let width = ratatui::text::Span::raw(shown).width() as f32 * WIDTH;
        let weight = if self.look.bold { " font-weight=\"700\"" } else { "" };
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" {look}{weight}>{}</text>",
            row(self.y) + BASELINE,
            escaped(shown),
        );
    }
}

fn paint(colour: Color) -> String {
    let own = |number: u8| format!("var(--c{number})");
    match colour {
        Color::Reset | INK => "var(--ink)".to_owned(),
        GROUND => "var(--ground)".to_owned(),
        Color::Black => own(0),
        Color::Red => own(1),
        Color::Green => own(2),
        Color::Yellow => own(3),
        Color::Blue => own(4),
        Color::Magenta => own(5),
        Color::Cyan => own(6),
        Color::Gray => own(7),
        Color::DarkGray => own(8),
        Color::LightRed => own(9),
        Color::LightGreen => own(10),
        Color::LightYellow => own(11),
        Color::LightBlue => own(12),
        Color::LightMagenta => own(13),
        Color::LightCyan => own(14),
        Color::White => own(15),
        Color::Indexed(number @ 0..16) => own(number),
        Color::Indexed(number @ 16..232) => {
            let level = |of: u8| if of == 0 { 0 } else { 55 + 40 * u16::from(of) };
            let cube = number - 16;
            format!("rgb({},{},{})", level(cube / 36), level(cube / 6 % 6), level(cube % 6))
        }
        Color::Indexed(grey) => {
            let level = 8 + 10 * u16::from(grey - 232);
            format!("rgb({level},{level},{level})")
        }
        Color::Rgb(r, g, b) => format!("rgb({r},{g},{b})"),
    }
}

/// The shapes of a chart character.
struct Glyph {
    /// Left, top, right and bottom of each part; a cell is 1 wide and 1 high.
    parts: Vec<(f32, f32, f32, f32)>,
    /// The opacity of the shapes.
    cover: f32,
}

fn shape(cell: &Cell) -> Option<Glyph> {
    let mut characters = cell.symbol().chars();
    let (Some(c), None) = (characters.next(), characters.next()) else { return None };
    let whole = |cover: f32| Some(Glyph { parts: vec![(0.0, 0.0, 1.0, 1.0)], cover });
    let part = |part| Some(Glyph { parts: vec![part], cover: 1.0 });
    match c {
        '█' => whole(1.0),
        '▓' => whole(0.75),
        '▒' => whole(0.5),
        '░' => whole(0.25),
        '▀' => part((0.0, 0.0, 1.0, 0.5)),
        '▐' => part((0.5, 0.0, 1.0, 1.0)),
        '▁'..='▇' => part((0.0, 1.0 - (c as u32 - 0x2580) as f32 / 8.0, 1.0, 1.0)),
        '▉'..='▏' => part((0.0, 0.0, (0x2590 - c as u32) as f32 / 8.0, 1.0)),
        '⠀'..='⣿' => Some(Glyph { parts: dots(c as u32 - 0x2800), cover: 1.0 }),
        _ => None,
    }
}

/// The dots of a braille character, whose bits count down the left column, then the right one; the lowest row came later and
/// has the two highest bits.
fn dots(bits: u32) -> Vec<(f32, f32, f32, f32)> {
    const PLACES: [(u8, u8); 8] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
    let set = PLACES.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    set.map(|(_, &(x, y))| {
        let (left, top) = (f32::from(x) * 0.5 + 0.08, f32::from(y) * 0.25 + 0.04);
        (left, top, left + 0.34, top + 0.17)
    })
    .collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML has no place for these.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
