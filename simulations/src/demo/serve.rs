//! Serves the control page to this computer only.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::Markup;
use serde::Deserialize;
use tokio::net::TcpListener;

use super::arguments::Arguments;
use super::page::{self, View};
use super::region::Region;
use super::words::Lang;
use crate::population::Test;

#[derive(Clone, Debug)]
struct Control {
    region: Arc<Region>,
    token: String,
    port: u16,
}

/// Prints where everything is and serves the page until it is dropped.
pub async fn serve(arguments: &Arguments, region: Region) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port))
        .await
        .with_context(|| format!("cannot listen on port {}", arguments.port))?;
    let address = listener.local_addr().context("cannot tell the port")?;
    announce(&region, address);
    if !arguments.no_open {
        open(address);
    }
    let token: [u64; 2] = rand::random();
    let control = Control {
        region: Arc::new(region),
        token: format!("{:016x}{:016x}", token[0], token[1]),
        port: address.port(),
    };
    let watched = control.region.clone();
    let looking = async move {
        loop {
            watched.look().await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let router = Router::new()
        .route("/", get(whole))
        .route("/live", get(live))
        .route("/line/{key}/{verb}", post(line))
        .route("/result/{key}", post(result))
        .route(
            "/demo.css",
            get(|| asset("text/css; charset=utf-8", include_str!("assets/demo.css"))),
        )
        .route(
            "/demo.js",
            get(|| asset("text/javascript; charset=utf-8", include_str!("assets/demo.js"))),
        )
        .route("/mark.svg", get(|| asset("image/svg+xml", include_str!("assets/mark.svg"))))
        .layer(middleware::from_fn_with_state(control.clone(), guard))
        .with_state(control);
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served.context("the control page ended"),
        () = looking => Ok(()),
    }
}

fn announce(region: &Region, address: SocketAddr) {
    println!();
    println!("Azalea デモの準備ができました / the Azalea demo is ready");
    println!();
    println!("  操作画面 / control page   http://{address}/");
    for facility in &region.facilities {
        let logins: Vec<&str> = facility.part.staff.iter().map(|each| each.login).collect();
        println!();
        println!("  {} / {}", facility.part.name, facility.part.english);
        println!("    画面 / screens          {}", facility.web);
        println!("    サインイン / sign in    {}", logins.join(", "));
    }
    println!();
    println!("  パスワード（全員）/ password of all   {}", region.password);
    println!();
    println!(
        "Ctrl-C で終了し、作成したものをすべて削除します / Ctrl-C ends it and removes everything"
    );
}

/// Opens the page in the visitor's browser; where there is none, the address stands above.
fn open(address: SocketAddr) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = std::process::Command::new(program)
        .arg(format!("http://{address}/"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut child) = started {
        std::thread::spawn(move || child.wait());
    }
}

/// Only this computer's own names are answered, so that no foreign page can read this one by a name that it
/// points here; and nothing from elsewhere may run in the page.
async fn guard(State(control): State<Control>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = [format!("127.0.0.1:{}", control.port), format!("localhost:{}", control.port)];
    if !own.iter().any(|name| name == host) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    let mut response = next.run(request).await;
    let policy = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self'; \
                  connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[derive(Deserialize)]
struct Asked {
    lang: Option<String>,
}

async fn whole(State(control): State<Control>, Query(asked): Query<Asked>) -> Markup {
    page::page(&View::of(&control.region, &control.token), Lang::of(asked.lang.as_deref()))
}

async fn live(State(control): State<Control>, Query(asked): Query<Asked>) -> Markup {
    page::live(&View::of(&control.region, &control.token), Lang::of(asked.lang.as_deref()))
}

#[derive(Deserialize)]
struct Switched {
    token: String,
}

async fn line(
    State(control): State<Control>,
    Path((key, verb)): Path<(String, String)>,
    Form(form): Form<Switched>,
) -> Result<Redirect, StatusCode> {
    control.check(&form.token)?;
    let (place, _) = control.region.facility(&key).ok_or(StatusCode::NOT_FOUND)?;
    let open = match verb.as_str() {
        "cut" => false,
        "restore" => true,
        _ => return Err(StatusCode::NOT_FOUND),
    };
    control.region.set_line(place, open);
    Ok(Redirect::to("/"))
}

#[derive(Deserialize)]
struct Ordered {
    token: String,
    patient: String,
    test: String,
    value: f64,
}

async fn result(
    State(control): State<Control>,
    Path(key): Path<String>,
    Form(form): Form<Ordered>,
) -> Result<Redirect, StatusCode> {
    control.check(&form.token)?;
    let (place, facility) = control.region.facility(&key).ok_or(StatusCode::NOT_FOUND)?;
    let patient = facility.patients.iter().find(|patient| patient.local_id == form.patient);
    let patient = patient.ok_or(StatusCode::BAD_REQUEST)?;
    let test = Test::find(&form.test).ok_or(StatusCode::BAD_REQUEST)?;
    if !(0.0..100_000.0).contains(&form.value) {
        return Err(StatusCode::BAD_REQUEST);
    }
    control
        .region
        .add_result(place, patient, test, form.value)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Redirect::to("/"))
}

impl Control {
    fn check(&self, token: &str) -> Result<(), StatusCode> {
        if token == self.token { Ok(()) } else { Err(StatusCode::FORBIDDEN) }
    }
}

async fn asset(kind: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, kind)], content).into_response()
}

/// How often the nodes are asked how they are.
const LOOK_EVERY: Duration = Duration::from_millis(800);
