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
/// More points than this in a line are not to be told apart.
const POINTS: usize = 150;

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

/// One of so many neighbours that no more than `POINTS` are left: the greatest.
fn thinned(points: impl ExactSizeIterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(POINTS).max(1);
    let points: Vec<_> = points.collect();
    let greatest = |some: &[(f64, f64)]| some.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1));
    points.chunks(step).filter_map(greatest).collect()
}

fn draw_utilisation(course: &Course, title: &str, highest: f64, area: &Area<'_>) -> Result<()> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..end(course), 0.0..highest)?;
    chart
        .configure_mesh()
        .max_light_lines(1)
        .x_label_formatter(&|second| format!("{second}"))
        .y_desc("utilisation of each server")
        .draw()?;
    let servers = course.utilisation.len().max(1);
    for (n, series) in course.utilisation.iter().enumerate() {
        let colour = HSLColor(n as f64 / servers as f64, 0.7, 0.45);
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
        .x_desc("seconds (red: what all servers can serve)")
        .y_desc("handshakes per second")
        .draw()?;
    let counts = course.handshakes.iter().enumerate();
    let counts = thinned(counts.map(|(second, &count)| (second as f64, f64::from(count))));
    chart.draw_series(LineSeries::new(counts, BLUE))?;
    let budget = course.times.iter().copied().zip(course.budget.iter().copied());
    chart.draw_series(LineSeries::new(thinned(budget), RED.mix(0.6)))?;
    Ok(())
}
