//! What people read: Japanese first, English beside.

use std::fmt::Write;
use std::path::Path;

use azalea_core::id::Timestamp;

use crate::commands::{FacilityView, Invited, Renewed, StatusView};
use crate::daemon::Ready;

pub(super) fn initialised(name: &str, network: &str, dir: &Path, root_key: &Path) -> String {
    let (dir, root_key) = (dir.display(), root_key.display());
    format!(
        "{name} の連携ネットワークを作りました。 / The network of {name} has been begun.\n\
         \n\
         ネットワークID / Network: {network}\n\
         データ / Data:            {dir}\n\
         ルート鍵 / Root key:      {root_key}\n\
         \n\
         ★ ルート鍵は登録機関を加えるときだけ使います。今すぐ USB メモリ等2つに写して金庫に保管し、\n\
         \x20\x20\x20このコンピュータから消してください。失うと登録機関を加えられず、盗まれるとネットワーク全体を作り直すことになります。\n\
         ★ The root key is needed only to add registrars. Copy it to two media kept in a safe, then delete it here.\n\
         \x20\x20\x20Whoever has it can admit anybody; without it no registrar can be added.\n\
         \n\
         次に / Next:  azalea-relay run --dir {dir}\n"
    )
}

pub(super) fn ready(ready: &Ready) -> String {
    let metrics = ready.metrics.map_or_else(|| "-".to_owned(), |addr| addr.to_string());
    format!(
        "中継サーバが動いています。 / The relay is running.  UDP {}  metrics {metrics}",
        ready.listen
    )
}

pub(super) fn invited(invited: &Invited) -> String {
    format!(
        "{} の参加コード(一度だけ使えます。期限 {}):\n\
         One-time code (use before the time above):\n\
         \n\
         \x20\x20{}\n\
         \n\
         施設での操作 / At the facility:  azalea join コード\n\
         このコードは二度と表示されません。電話・紙・対面など確かな方法で渡してください。\n\
         It is not shown again. Hand it over in person, on paper or by telephone.\n",
        invited.name,
        time(Timestamp(invited.expires_ms)),
        invited.code
    )
}

pub(super) fn revoked() -> String {
    "失効させました。接続中の端末は切断し、全施設に知らせます。\n\
     Revoked. Its sessions are closed and everybody is told.\n"
        .to_owned()
}

pub(super) fn renewed(renewed: &Renewed) -> String {
    format!(
        "{} 施設の参加期限を {} まで延ばしました。\nRenewed.\n",
        renewed.facilities.len(),
        time(Timestamp(renewed.until_ms))
    )
}

pub(super) fn trusted() -> String {
    "再び受け入れます。端末は1分以内に送信を再開します。\n\
     Its envelopes are taken again; the device asks within a minute.\n"
        .to_owned()
}

pub(super) fn restored() -> String {
    "新しい世代にしました。中継サーバを動かしてください。施設は手元にあるものを知らせ、足りない分だけを受け取ります。\n\
     A new epoch has been drawn. Run the relay; every reader says what it holds and gets what it lacks.\n"
        .to_owned()
}

pub(super) fn registrar_added() -> String {
    "登録機関を加えました。ルート鍵を金庫に戻してください。\n\
     The registrar has been added. Put the root key back into the safe.\n"
        .to_owned()
}

pub(super) fn status(status: &StatusView, now: Timestamp) -> String {
    let mut text = String::new();
    let StatusView { council, network, connections, envelopes, store_bytes, .. } = status;
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments).and_then(|()| text.write_str("\n")).expect("a string takes all");
    };
    line(format_args!("{council}  ({}…)", &network[..network.len().min(12)]));
    line(format_args!(
        "接続 {connections}  封筒 {envelopes}  保存 {}  / connections, envelopes, store",
        size(*store_bytes)
    ));
    line(format_args!(
        "TCP {}(接続中 {})  / for facilities where UDP does not pass",
        status.listen_tcp.as_deref().unwrap_or("なし"),
        status.connections_tcp
    ));
    if status.store_failing {
        line(format_args!(
            "★ 書き込みに失敗しています。ディスクの空きを確認してください。 / The store refuses writes."
        ));
    }
    if status.damaged > 0 {
        line(format_args!("★ 壊れた封筒 {} 件。 / Damaged envelopes in the log.", status.damaged));
    }
    if status.lacking > 0 {
        line(format_args!(
            "★ そのうち {} 件は、書いた端末か同じ記録を持つ端末がつながるのを待っています。\n\
             \x20\x20 They come again as their authors, or others who hold them, connect.",
            status.lacking
        ));
    }
    if status.forks > 0 {
        line(format_args!(
            "矛盾する封筒 {} 件を証拠として保管しています。 / Contradicting envelopes, kept as evidence.",
            status.forks
        ));
    }
    if status.behind {
        line(format_args!(
            "★ この中継サーバはバックアップから戻されています。止めて azalea-relay restored を実行してください。\n\
             \x20\x20 This store came from a backup: stop the relay, run `azalea-relay restored`, start it."
        ));
    }
    for facility in status.facilities.iter().filter(|facility| facility.ending) {
        line(format_args!(
            "★ {} の参加期限は {} です。延ばすには azalea-relay renew {} / membership ends",
            facility.name,
            time(Timestamp(facility.until_ms)),
            &facility.id[..facility.id.len().min(8)],
        ));
    }
    let devices = status.facilities.iter().flat_map(|facility| &facility.devices);
    for device in devices.filter(|device| device.suspended.is_some()) {
        let id = &device.id[..device.id.len().min(8)];
        line(format_args!(
            "★ 端末 {id} は同じ番号で二つの封筒を出しました。受け入れを止めています。\n\
             \x20\x20 施設に確かめてください: バックアップから戻した、または複製した → 施設で azalea repair、次に azalea-relay trust {id}\n\
             \x20\x20 心当たりがない → azalea-relay revoke --device {id} --reason …\n\
             \x20\x20 It gave one number to two envelopes: restored or copied there → `azalea repair`, then trust it; otherwise revoke it."
        ));
    }
    for facility in &status.facilities {
        for device in facility.devices.iter().filter(|device| device.lacking > 0) {
            let id = &device.id[..device.id.len().min(8)];
            line(format_args!(
                "    {} {}[{id}]: {} 件 / to come again",
                facility.name, device.label, device.lacking
            ));
        }
    }
    let refused: u64 = status.refused.values().sum();
    line(format_args!(
        "受理 {}  拒否 {refused}  / accepted, refused since the start",
        status.accepted
    ));
    for (cause, count) in &status.refused {
        line(format_args!("    {cause}: {count}"));
    }
    line(format_args!(""));
    line(format_args!(
        "状態        未送信  最終接続          施設 / state, backlog, last seen, facility"
    ));
    for facility in &status.facilities {
        if facility.devices.is_empty() {
            line(format_args!("{:<10}  {:>6}  {:<16}  {}", "-", "-", "-", title(facility)));
        }
        for device in &facility.devices {
            let state = match (device.standing.as_str(), device.connected) {
                ("member", _) if device.suspended.is_some() => "判断待ち",
                ("member", true) if device.over_tcp => "接続(TCP)",
                ("member", true) => "接続中",
                ("member", false) => "オフライン",
                ("revoked", _) => "失効",
                ("expired", _) => "期限切れ",
                _ => "未確認",
            };
            let seen = device.last_seen_ms.map_or("-".to_owned(), |at| ago(Timestamp(at), now));
            // Columns are counted in half widths: a Japanese character takes two.
            let pad = 10_usize.saturating_sub(width(state));
            let seen_pad = 16_usize.saturating_sub(width(&seen));
            line(format_args!(
                "{state}{:pad$}  {:>6}  {seen}{:seen_pad$}  {}  {} [{}]",
                "",
                device.backlog,
                "",
                title(facility),
                device.label,
                &device.id[..device.id.len().min(8)],
            ));
        }
    }
    let open: Vec<_> = status.invites.iter().filter(|invite| invite.state == "open").collect();
    if !open.is_empty() {
        line(format_args!(""));
        line(format_args!("未使用の参加コード / codes not used yet:"));
        for invite in open {
            line(format_args!("    {}  〜{}", invite.name, time(Timestamp(invite.expires_ms))));
        }
    }
    text
}

fn title(facility: &FacilityView) -> String {
    let kind = match facility.kind.as_str() {
        "hospital" => "病院",
        "clinic" => "診療所",
        "pharmacy" => "調剤薬局",
        "visiting-nurse" => "訪問看護",
        _ => "",
    };
    let rights = match (facility.disclose, facility.view) {
        (true, true) => "開示・閲覧",
        (true, false) => "開示",
        (false, true) => "閲覧",
        (false, false) => "権限なし",
    };
    format!("{} ({kind}・{rights}) [{}]", facility.name, &facility.id[..facility.id.len().min(8)])
}

fn width(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KB", bytes / 1_024),
        1_048_576..1_073_741_824 => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2} GB", bytes as f64 / 1_073_741_824.0),
    }
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since_ms(at) / 1_000 {
        0..60 => "1分以内".to_owned(),
        seconds @ 60..3_600 => format!("{}分前", seconds / 60),
        seconds @ 3_600..172_800 => format!("{}時間前", seconds / 3_600),
        seconds => format!("{}日前", seconds / 86_400),
    }
}

fn time(at: Timestamp) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "-".to_owned(),
    }
}
