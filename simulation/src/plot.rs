//! The courses of runs as a picture (SVG), side by side: the utilisation of every server, and the handshakes of all, over time.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::figures::Course;

const HEIGHT: u32 = 640;
/// Of each course.
const WIDTH: u32 = 640;
/// The part of the height that the upper picture has.
const UPPER: f64 = 0.6;
const FONT: &str = "sans-serif";
/// More spans than this in a line are not to be told apart.
const SPANS: usize = 120;
/// So many servers are named in the legend.
const NAMED: usize = 24;

/// Draws courses, each with its title, to a file. All have the same scales.
///
/// # Errors
///
/// If the file cannot be written.
pub fn draw(courses: &[(String, &Course)], file: &Path) -> Result<()> {
    let size = (WIDTH * courses.len().max(1) as u32, HEIGHT);
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE)?;
    let all = || courses.iter().map(|(_, course)| course);
    let fullest = all().flat_map(|course| course.utilisation.iter().flatten().copied());
    let fullest = f64::from(fullest.fold(0.01, f32::max));
    let most = all().flat_map(|course| course.handshakes.iter().map(|&count| f64::from(count)));
    let budgets = all().flat_map(|course| course.budget.iter().copied());
    let most = most.chain(budgets).fold(1.0, f64::max);
    for (area, (title, course)) in root.split_evenly((1, courses.len().max(1))).iter().zip(courses) {
        let (upper, lower) = area.split_vertically((f64::from(HEIGHT) * UPPER) as u32);
        draw_utilisation(course, title, fullest * 1.05, &upper)?;
        draw_handshakes(course, most * 1.05, &lower)?;
    }
    root.present()
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn end(course: &Course) -> f64 {
    course.times.last().copied().unwrap_or(1.0).max(1e-3)
}

/// Of neighbours in each of at most `SPANS` spans the least and the greatest, in order of time: what is short shows too.
fn thinned(points: impl ExactSizeIterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(SPANS).max(1);
    let points: Vec<_> = points.collect();
    let extremes = |some: &[(f64, f64)]| {
        // By place, since two may be of one time: before a death and after it.
        let places = 0..some.len();
        let order = |one: &usize, other: &usize| some[*one].1.total_cmp(&some[*other].1);
        let least = places.clone().min_by(order).unwrap_or_default();
        let greatest = places.max_by(order).unwrap_or_default();
        let is_flat = some[least].1 == some[greatest].1;
        let (first, second) = (some[least.min(greatest)], some[least.max(greatest)]);
        [Some(first), Some(second).filter(|_| !is_flat)].into_iter().flatten()
    };
    points.chunks(step).flat_map(extremes).collect()
}

fn colour_of(server: usize, servers: usize) -> HSLColor {
    HSLColor(server as f64 / servers as f64, 0.7, 0.45)
}

/// The numbers of the servers in the colours of their lines, in a row above the title.
fn draw_legend(servers: usize, area: &Area<'_>) -> Result<()> {
    let left = 72;
    let style = (FONT, 11).into_font();
    area.draw(&Text::new("server", (left, 8), style.clone()))?;
    for (place, server) in (0..servers).step_by(servers.div_ceil(NAMED).max(1)).enumerate() {
        let colour = colour_of(server, servers);
        let at = (left + 44 + 21 * place as i32, 8);
        area.draw(&Text::new(server.to_string(), at, style.clone().color(&colour)))?;
    }
    Ok(())
}

fn draw_utilisation(course: &Course, title: &str, highest: f64, area: &Area<'_>) -> Result<()> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 18))
        .margin(12)
        .margin_top(22)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..end(course), 0.0..highest)?;
    chart
        .configure_mesh()
        .max_light_lines(1)
        .x_label_formatter(&|second| format!("{second}"))
        .y_desc("utilisation (users over capacity)")
        .draw()?;
    let servers = course.utilisation.len().max(1);
    draw_legend(servers, area)?;
    for (n, series) in course.utilisation.iter().enumerate() {
        let colour = colour_of(n, servers);
        let points = course.times.iter().zip(series);
        let points = thinned(points.map(|(&time, &value)| (time, f64::from(value))));
        chart.draw_series(LineSeries::new(points, colour))?;
    }
    Ok(())
}

fn draw_handshakes(course: &Course, highest: f64, area: &Area<'_>) -> Result<()> {
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..end(course), 0.0..highest)?;
    chart
        .configure_mesh()
        .max_light_lines(1)
        .x_label_formatter(&|second| format!("{second}"))
        .y_label_formatter(&|count| format!("{count}"))
        .x_desc("seconds (blue: handshakes that reach servers; red: what those in service can serve)")
        .y_desc("handshakes per second")
        .draw()?;
    let counts = course.handshakes.iter().enumerate();
    let counts = thinned(counts.map(|(second, &count)| (second as f64, f64::from(count))));
    chart.draw_series(LineSeries::new(counts, BLUE))?;
    let budget = course.times.iter().copied().zip(course.budget.iter().copied());
    chart.draw_series(LineSeries::new(thinned(budget), RED.mix(0.6)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::thinned;

    #[test]
    fn a_short_outage_and_a_short_peak_both_show_in_a_long_line() {
        let value = |n: usize| match n {
            5_000 => 0.0,
            7_000 => 2.0,
            _ => 1.0,
        };
        let points: Vec<_> = (0..10_000).map(|n| (n as f64, value(n))).collect();
        let thin = thinned(points.into_iter());
        assert!(thin.len() < 400, "{}", thin.len());
        assert!(thin.contains(&(5_000.0, 0.0)) && thin.contains(&(7_000.0, 2.0)));
        assert!(thin.is_sorted_by(|one, other| one.0 < other.0));
    }

    #[test]
    fn what_changes_at_one_instant_changes_in_its_order() {
        let points = [(59.0, 0.6), (60.0, 0.6), (60.0, 0.0), (61.0, 0.0)];
        let many = (0..1_000).map(|n| (f64::from(n) / 1_000.0, 0.6)).chain(points);
        let thin = thinned(many.collect::<Vec<_>>().into_iter());
        assert!(thin.is_sorted_by(|one, other| one.1 >= other.1), "{thin:?}");
    }
}
