//! The chart on the repository's front page: gocoro's figures beside those of the other systems.
//!
//! The chart is drawn from the tables in the package's `README.md`, so it shows the same figures.

use std::{error::Error, path::Path};

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const TABLES: &str = include_str!("../README.md");

/// The tables that are drawn, side by side.
const TITLES: [&str; 2] = ["1 worker", "2 workers"];

/// Parts of the names of figures that only say how another figure came about, and are left out.
const LEFT_OUT: [&str; 3] = [": p99 lateness", "CPU", ": crossed"];

/// The columns that are drawn: the name, the colour of the points, and whether they are filled. The
/// colours stand out from white and from black.
const SERIES: [(&str, RGBColor, bool); 5] = [
    ("tokio-ct", RGBColor(66, 133, 244), false),
    ("tokio-mt", RGBColor(66, 133, 244), true),
    ("may", RGBColor(219, 112, 20), true),
    ("smol", RGBColor(30, 150, 90), true),
    ("threads", RGBColor(160, 90, 200), true),
];

/// The colour of text and lines, readable on white and on black.
const INK: RGBColor = RGBColor(118, 124, 132);

/// Ratios beyond this power of two stand at the chart's edge.
const POWER_MAX: i32 = 6;

const PANEL_WIDTH: i32 = 500;
const NAMES_WIDTH: i32 = 246;
const POWER_WIDTH: i32 = 19;
const ROW_HEIGHT: i32 = 15;
const HEAD_HEIGHT: i32 = 62;
const FOOT_HEIGHT: i32 = 22;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// A line of a table: its name, and by how much gocoro is better than which of [`SERIES`].
struct Row {
    name: &'static str,
    ratios: Vec<(usize, f64)>,
}

pub(crate) fn draw(file: &Path) -> Drawn {
    let panels = TITLES.map(rows);
    let count = panels.iter().map(Vec::len).max().unwrap_or(0) as i32;
    let size = (2 * PANEL_WIDTH, HEAD_HEIGHT + count * ROW_HEIGHT + FOOT_HEIGHT);
    let root = SVGBackend::new(file, (size.0 as u32, size.1 as u32)).into_drawing_area();
    legend(&root)?;
    for (index, (title, rows)) in TITLES.iter().zip(&panels).enumerate() {
        panel(&root, index as i32 * PANEL_WIDTH, title, rows)?;
    }
    root.present()?;
    Ok(())
}

/// The lines of a table that have a ratio to show.
fn rows(title: &str) -> Vec<Row> {
    let cells = |line: &'static str| line.split('|').map(str::trim).skip(1).collect::<Vec<_>>();
    let is_head = |cells: &Vec<&str>| cells.first() == Some(&title);
    let mut lines = TABLES.lines().map(cells).skip_while(|cells| !is_head(cells));
    let head = lines.next().unwrap_or_default();
    let value = |row: &[&str], system: &str| {
        let column = head.iter().position(|name| *name == system)?;
        let median = row.get(column)?.split('(').next()?;
        median.replace(' ', "").parse::<f64>().ok()
    };
    let row = |cells: Vec<&'static str>| {
        let name = cells[0];
        let own = value(&cells, "gocoro")?;
        let better = |rival: f64| if cells[1].ends_with('↑') { own / rival } else { rival / own };
        let ratio = |index: usize| Some((index, better(value(&cells, SERIES[index].0)?)));
        let ratios: Vec<_> = (0..SERIES.len()).filter_map(ratio).collect();
        let shown = !ratios.is_empty() && !LEFT_OUT.iter().any(|part| name.contains(part));
        shown.then_some(Row { name, ratios })
    };
    lines.skip(1).take_while(|cells| !cells.is_empty()).filter_map(row).collect()
}

fn panel(root: &Area<'_>, left: i32, title: &str, rows: &[Row]) -> Drawn {
    let bottom = HEAD_HEIGHT + rows.len() as i32 * ROW_HEIGHT;
    text(root, title, (left + NAMES_WIDTH - 8, HEAD_HEIGHT - 10), HPos::Right, 15)?;
    for power in (-POWER_MAX..=POWER_MAX).step_by(2) {
        let x = left + x_of(power.into());
        let line = [(x, HEAD_HEIGHT), (x, bottom)];
        let strength = if power == 0 { 1.0 } else { 0.3 };
        root.draw(&PathElement::new(line, INK.mix(strength)))?;
        let label = match power {
            0 => "equal".to_string(),
            1.. => format!("{}×", 1 << power),
            _ => format!("1/{}", 1 << -power),
        };
        text(root, &label, (x, HEAD_HEIGHT - 10), HPos::Center, 13)?;
        text(root, &label, (x, bottom + 10), HPos::Center, 13)?;
    }
    for (index, row) in rows.iter().enumerate() {
        let y = HEAD_HEIGHT + index as i32 * ROW_HEIGHT + ROW_HEIGHT / 2;
        text(root, row.name, (left + NAMES_WIDTH - 8, y), HPos::Right, 13)?;
        for &(series, ratio) in &row.ratios {
            point(root, series, (left + x_of(ratio.log2()), y))?;
        }
    }
    Ok(())
}

/// The place of a power of two in a panel.
fn x_of(power: f64) -> i32 {
    let power = power.clamp(-f64::from(POWER_MAX) - 0.3, f64::from(POWER_MAX) + 0.3);
    NAMES_WIDTH + ((power + f64::from(POWER_MAX) + 0.5) * f64::from(POWER_WIDTH)) as i32
}

fn legend(root: &Area<'_>) -> Drawn {
    let title = "How many times better gocoro is than each of the others, or worse; at the edges, more than 64 times";
    text(root, title, (8, 14), HPos::Left, 16)?;
    for (series, (name, ..)) in SERIES.iter().enumerate() {
        let x = 14 + series as i32 * 90;
        point(root, series, (x, 34))?;
        text(root, name, (x + 9, 34), HPos::Left, 14)?;
    }
    Ok(())
}

fn point(root: &Area<'_>, series: usize, at: (i32, i32)) -> Drawn {
    let (_, color, filled) = SERIES[series];
    let style = if filled { color.filled() } else { color.stroke_width(2) };
    root.draw(&Circle::new(at, 4, style))?;
    Ok(())
}

/// Draws text, the middle of whose height is at `at`.
fn text(root: &Area<'_>, text: &str, at: (i32, i32), side: HPos, size: i32) -> Drawn {
    let style = ("sans-serif", size).into_font().color(&INK).pos(Pos::new(side, VPos::Center));
    root.draw(&Text::new(text, at, style))?;
    Ok(())
}
