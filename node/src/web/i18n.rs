//! Every word of the screens, Japanese and English side by side in one table.
//!
//! Words come from the project's vocabulary; one idea has one word. Phrases with a gap hold `{}`.

/// A language of the screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Lang {
    /// 日本語
    #[default]
    Ja,
    /// English
    En,
}

impl Lang {
    /// The language tag for `lang` attributes and the cookie.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of a tag.
    pub fn from_tag(tag: &str) -> Option<Self> {
        [Self::Ja, Self::En].into_iter().find(|lang| lang.tag() == tag)
    }

    /// A word in this language.
    pub fn t(self, word: Word) -> &'static str {
        let (ja, en) = word.both();
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }

    /// A phrase with its gaps filled in order.
    pub fn fill(self, word: Word, parts: &[&str]) -> String {
        let mut pieces = self.t(word).split("{}");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for (at, piece) in pieces.enumerate() {
            text.push_str(parts.get(at).copied().unwrap_or_default());
            text.push_str(piece);
        }
        text
    }

    /// A phrase with one number.
    pub fn count(self, word: Word, count: impl TryInto<u64>) -> String {
        self.fill(word, &[&grouped(count.try_into().unwrap_or(u64::MAX))])
    }
}

/// A number with a comma between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

macro_rules! words {
    ($($name:ident: $ja:literal, $en:literal;)+) => {
        /// A word or phrase of the screens, named for its idea.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Word {
            $(#[doc = $ja] $name,)+
        }

        impl Word {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            fn both(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($ja, $en),)+
                }
            }
        }
    };
}

words! {
    // The frame of every page
    Patients: "患者", "Patients";
    Linking: "紐付け", "Linking";
    SyncPage: "連携状況", "Sync";
    Quarantined: "取込保留", "Quarantined";
    AccessLog: "操作ログ", "Access log";
    Staff: "職員", "Staff";
    Settings: "設定", "Settings";
    SignOut: "サインアウト", "Sign out";
    SkipToContent: "本文へ", "Skip to content";
    MainMenu: "メインメニュー", "Main menu";
    OtherLanguage: "English", "Japanese / 日本語";
    Back: "戻る", "Back";
    Cancel: "やめる", "Do nothing";
    Page: "ページ", "Page";
    Previous: "前へ", "Previous";
    Next: "次へ", "Next";
    ShowingOf: "{}〜{} / {} 件", "{}–{} of {}";
    Details: "詳細", "Details";
    ShowAll: "すべて見る", "Show all";
    NoneYet: "まだありません。", "None yet.";
    Unknown: "不明", "unknown";
    NotStated: "記載なし", "not stated";
    Print: "印刷", "Print";
    NodeUnreachable: "この端末のプログラムが応答しません", "The program on this device does not answer";

    // Sync state
    Connected: "連携中", "Connected";
    ConnectedOverTcp: "連携中(TCP)", "Connected (TCP)";
    OverQuic: "経路: QUIC(UDP)", "Over QUIC (UDP)";
    OverTcp: "経路: TCP(UDP が通らないため)", "Over TCP, since UDP does not pass";
    OverProxy: "経路: プロキシ経由の TCP(UDP が通らないため)", "Over TCP through the proxy, since UDP does not pass";
    Connecting: "接続中…", "Connecting…";
    Offline: "オフライン", "Offline";
    OfflineSince: "オフライン({}から)", "Offline since {}";
    Unsent: "未送信 {} 件", "{} unsent";
    NothingUnsent: "未送信なし", "Nothing unsent";
    LastSync: "最終同期", "Last sync";
    LastSyncAt: "最終同期 {}", "Last sync {}";
    NeverSynced: "まだ同期していません", "Not synced yet";
    NeedsReview: "要確認", "Needs review";
    NeedsReviewCount: "要確認 {} 件", "{} to review";
    QuarantinedCount: "取込保留 {} 件", "{} quarantined";
    SyncState: "連携の状態", "Sync state";
    OfflineHint: "オフラインのままでも、閲覧と記録ができます。回線が戻ると自動で送信します。", "You can go on reading and writing. Everything goes out when the line is back.";
    TroubleDiskFull: "ディスクがいっぱいです。閲覧はできますが、保存できません。空きを作ってください。", "The disk is full: you can read, but nothing can be saved. Please free some space.";
    TroubleDiskFault: "ディスクに書き込めません。閲覧はできますが、保存できません。", "The disk cannot be written: you can read, but nothing can be saved.";
    TroubleClockWrong: "この端末の時計が大きくずれています。時刻同期を確認してください。", "This device's clock is far off. Please check its time sync.";
    TroubleRevoked: "この端末または施設は失効しています。新しい記録は届かず、送られません。事務局に連絡してください。", "This device or facility is revoked: nothing new arrives or goes out. Please call the secretariat.";
    TroubleExpired: "この端末または施設の証明書の期限が切れています。閲覧と入力はできますが、送受信されません。事務局に更新を依頼してください。", "The certificate of this device or facility has expired: you can read and write, but nothing is exchanged. Please ask the secretariat to renew it.";
    TroubleEnding: "この施設または端末の証明書の期限が近づいています。事務局に更新を依頼してください。", "The certificate of this facility or device ends before long. Please ask the secretariat to renew it.";
    TroubleUnknown: "中継サーバがこの端末を知りません。入力は保存されています。事務局に新しい参加コードを依頼してください。", "The relay does not know this device. Entries are saved. Please ask the secretariat for a new code.";
    TroubleOtherNetwork: "中継サーバが別の連携ネットワークのものです。接続先の設定を確認してください。", "The relay is of another network. Please check its address in the settings.";
    TroubleContradicted: "この端末のデータは古い控えから戻されたか、複製されています。このあとの入力は送られません。azalea repair を行い、事務局に連絡してください。", "This device's data came from a backup or was copied: what is entered now is not sent. Run azalea repair, then call the secretariat.";
    TroubleSuspended: "中継サーバがこの端末からの受け取りを止めています。入力は保存され、再開後に送られます。事務局に連絡してください。", "The relay has suspended this device. Entries are saved and will be sent later. Please call the secretariat.";
    TroubleOutdated: "新しいプログラムで書かれた記録が届いており、この端末では読めません。記録は保管されています。プログラムを更新してください。", "Entries of a newer program have arrived, which this device cannot read. They are kept. Please update this program.";
    TroubleRelayVersion: "中継サーバとプログラムの版が合わず、送受信できません。閲覧と入力はできます。事務局に連絡してください。", "This program and the relay's are of versions that do not fit: nothing is exchanged. You can read and write. Please call the secretariat.";
    TroubleDistrusted: "矛盾した記録を出した端末があり、その後の記録を保留しています。azalea status で確かめ、azalea device trust で判断してください。", "A device contradicted itself; what it wrote since is set aside. See azalea status and decide with azalea device trust.";

    // Freshness
    FreshOwn: "自施設", "own records";
    FreshComplete: "{} 時点で完全", "complete as of {}";
    FreshMissing: "{} 件不足", "{} entries missing";
    FreshNotHeard: "{}から受信なし", "not heard since {}";
    FreshNever: "まだ受信なし", "nothing received yet";
    FreshWaitingKey: "鍵待ち {} 件", "{} waiting for a key";
    FreshNewer: "更新が必要 {} 件", "{} need an update";
    FreshComing: "受信中です。まだ届いていない記録があるかもしれません。", "Receiving: some records may not have arrived yet.";
    Freshness: "鮮度", "Freshness";
    HospitalCount: "{} 施設", "{} facilities";

    // Sign-in
    SignIn: "サインイン", "Sign in";
    SignInTitle: "職員サインイン", "Staff sign-in";
    Login: "職員ID", "Staff ID";
    Password: "パスワード", "Password";
    SignInRefused: "職員IDかパスワードが違います。", "The staff ID or the password is wrong.";
    SignInWait: "続けて間違えたため、{} 秒お待ちください。", "Too many wrong attempts. Please wait {} seconds.";
    SignInEnded: "操作がなかったため、サインアウトしました。", "You were signed out after a while without activity.";
    SignInAgain: "もう一度サインインしてください。", "Please sign in again.";
    SignInOffline: "回線が切れていても、この端末に届いている記録は閲覧できます。", "With the line cut, everything that has reached this device can still be read.";

    // Patient list
    PatientList: "患者一覧", "Patient list";
    SearchLabel: "患者を探す", "Find a patient";
    SearchHint: "漢字・かな・患者ID・生年月日(1950-03-04、S25.3.4、昭和25年3月4日)", "Kanji, kana, patient ID, or date of birth (1950-03-04, S25.3.4, 昭和25年3月4日)";
    SearchGo: "検索", "Search";
    SearchClear: "消す", "Clear";
    Name: "氏名", "Name";
    NameUnknown: "(氏名未受信)", "(name not received)";
    Kana: "フリガナ", "Reading";
    BirthDate: "生年月日", "Date of birth";
    AgeSex: "年齢・性別", "Age, sex";
    PatientId: "患者ID", "Patient ID";
    LastCare: "最終診療日", "Last care date";
    HeldPatients: "この端末の患者 {} 人", "{} patients on this device";
    MatchesFound: "{} 人が見つかりました", "{} patients found";
    NoMatches: "該当する患者はいません。", "No patient matches.";
    NoMatchesHint: "かな・漢字・患者IDを変えてお試しください。同意のない患者は表示されません。", "Try kana, kanji or the ID. Patients without consent are not shown.";
    LinkWaiting: "紐付け待ち", "Not linked";
    Male: "男", "male";
    Female: "女", "female";
    OtherSex: "その他", "other";
    Deceased: "死亡", "deceased";
    YearsOld: "{}歳", "{} y";
    MonthsOld: "{}か月", "{} mo";

    // Patient page
    Overview: "概要", "Overview";
    Timeline: "タイムライン", "Timeline";
    CareNotes: "ケア記録", "Care notes";
    Consent: "同意", "Consent";
    History: "履歴", "History";
    Allergy: "アレルギー", "Allergies";
    Problem: "病名", "Diagnoses";
    Medication: "処方", "Prescriptions";
    Lab: "検体検査", "Lab tests";
    Encounter: "診療(入退院)", "Encounters";
    Document: "文書", "Documents";
    Procedure: "処置・手術", "Procedures";
    Immunization: "予防接種", "Immunizations";
    Vital: "バイタル", "Vitals";
    Imaging: "画像", "Images";
    OtherKind: "その他", "Other";
    NoAllergyHeld: "届いている記録にアレルギーの記載はありません", "No allergy in the records held here";
    NotNoAllergy: "(アレルギーがないことを示すものではありません)", "(this does not say that there is none)";
    AllergySevere: "重症", "severe";
    OtherNames: "別名", "Other names";
    Phone: "電話", "Phone";
    Address: "住所", "Address";
    PublisherParts: "各施設の記録", "Records by facility";
    CurrentMedication: "服用中と思われる処方", "Supplies that should be running";
    RecentMedication: "最近の処方", "Recent prescriptions";
    ActiveProblems: "現在の病名", "Current diagnoses";
    PastProblems: "過去の病名", "Past diagnoses";
    TestName: "検査項目", "Test";
    LatestValue: "最新値", "Latest";
    EarlierValues: "以前の値", "Earlier";
    ReferenceRange: "基準値", "Reference range";
    Trend: "推移", "Trend";
    Unit: "単位", "Unit";
    CareDate: "診療日", "Care date";
    Facility: "施設", "Facility";
    AllFacilities: "全施設", "All facilities";
    AllCategories: "すべて", "All";
    Filter: "絞り込み", "Filter";
    NothingHeld: "届いている記録はありません。", "No records held here.";
    NoDate: "日付なし", "no date";
    FromDocument: "文書内", "in a document";
    Versions: "{} 版", "{} versions";
    InHospital: "入院中", "in hospital";
    SupplyUntil: "{}まで", "until {}";
    StandingPast: "終了", "over";
    StandingPending: "未確定", "not final";
    StandingCorrected: "訂正済", "corrected";
    StandingVoid: "取消", "cancelled";
    ClassInpatient: "入院", "Admission";
    ClassOutpatient: "外来", "Outpatient";
    ClassEmergency: "救急", "Emergency";
    ClassHome: "在宅", "Home care";
    FlagHigh: "高", "high";
    FlagLow: "低", "low";
    FlagAbnormal: "異常", "abnormal";
    LatestNotes: "最近のケア記録", "Recent care notes";

    // Record
    Record: "記録", "Record";
    Verbatim: "原本(受信したまま)", "Original, as received";
    VerbatimHint: "{} バイト。一字も変えずに保管しています。", "{} bytes, kept without changing a character.";
    Attachment: "添付ファイル", "Attachment";
    Attachments: "添付ファイル", "Attachments";
    AttachmentHeld: "この端末にあります", "on this device";
    AttachmentComing: "取り寄せ中 {}%", "coming, {}%";
    AttachmentWanted: "取り寄せ待ち({}%)", "waiting to be fetched ({}%)";
    AttachmentNotAtRelay: "中継サーバにまだありません。届き次第取り寄せます", "not at the relay yet; fetched as soon as it is";
    AttachmentNotHere: "まだこの端末にありません", "not on this device yet";
    AttachmentPart: "一部({}%)だけあります", "in part on this device ({}%)";
    AttachmentOpen: "開く", "Open";
    AttachmentFetch: "取り寄せる", "Fetch it";
    LookAgain: "状態を更新", "Look again";
    Removed: "この版で記録は取り消されました。", "This version removes the record.";
    VersionHistory: "版と履歴", "Versions";
    Version: "版", "Version";
    CurrentVersion: "現在の版", "current";
    OlderVersion: "以前の版", "replaced";
    ShownVersion: "表示中", "shown";
    Received: "受信", "Received";
    WrittenBy: "記入者", "Written by";
    Signature: "署名", "Signature";
    SignedBy: "署名した端末", "Signed by device";
    VouchedBy: "端末を保証する施設", "Vouched for by";
    AdmittedBy: "施設を認めた団体", "Admitted by";
    SignedAt: "署名時刻(申告)", "Signed at (as stated)";
    EnvelopeNumber: "通し番号", "Number in chain";
    SignatureValid: "署名は検証済みです", "The signature is verified";
    SignerRevoked: "署名した端末または施設は {} に失効しています", "The device or facility that signed is revoked since {}";
    Source: "出所", "Source";
    RecordType: "種類", "Type";
    ConflictVersions: "同時に書かれた版があります。どちらも残っています。", "Versions were written at the same time. Both are kept.";
    DocumentAuthor: "作成者", "Author";
    Status: "状態", "Status";
    Codes: "コード", "Codes";

    // Care notes
    WriteNote: "記録を書く", "Write a note";
    WriteVitals: "バイタルを記録", "Record vitals";
    NoteRecord: "記録", "Record";
    NoteVitals: "バイタル", "Vitals";
    NoteNursing: "看護記録", "Nursing record";
    NoteHandover: "申し送り", "Handover";
    NoteTitle: "表題", "Title";
    NoteText: "本文", "Text";
    NoteKindLabel: "種類", "Kind";
    Temperature: "体温", "Temperature";
    BloodPressure: "血圧", "Blood pressure";
    Systolic: "血圧(上)", "Systolic";
    Diastolic: "血圧(下)", "Diastolic";
    Pulse: "脈拍", "Pulse";
    Spo2: "SpO₂", "SpO2";
    Respiration: "呼吸数", "Respiration";
    PerMinute: "/分", "/min";
    Save: "保存", "Save";
    SavedUnsent: "保存済(未送信)", "Saved, unsent";
    StoredAtRelay: "中継サーバに保存", "Stored at the relay";
    WrittenLate: "権限の終了後の記録（取込保留）", "Written after access ended (set apart)";
    RefusedByRelay: "中継サーバが受け付けません", "Refused by the relay";
    StoredHint: "「中継サーバに保存」は、相手の施設への送達を示すものではありません。", "“Stored at the relay” does not say that the other facilities have it yet.";
    ReceivedNote: "受信", "Received";
    Correct: "訂正", "Correct";
    CancelNote: "取消", "Cancel this note";
    CancelNoteAsk: "この記録を取り消しますか。取り消した後も内容は読めます。", "Cancel this note? It stays readable.";
    NoteCancelled: "取消済", "Cancelled";
    NoteCorrected: "訂正あり", "Corrected";
    NoteConflictTitle: "同じ項目が同時に書き換えられています", "The same field was changed at the same time";
    NoteConflictHint: "どちらの値も残っています。正しい方を選んで確定してください。", "Both values are kept. Choose the right one to confirm it.";
    ChooseThis: "この値で確定", "Confirm this value";
    NoNotes: "ケア記録はまだありません。", "No care notes yet.";
    NoteSaved: "この端末に保存しました。", "Saved on this device.";
    FieldState: "取消の状態", "Cancelled or not";
    ErrEmptyNote: "表題・本文・バイタルのどれかを入力してください。", "Please enter a title, a text or vitals.";
    ErrTooLong: "文字数が多すぎます。", "The text is too long.";
    ErrNumber: "{}は数字で入力してください(例 36.8)。", "{} must be a number, such as 36.8.";
    ErrRange: "{}の値を確かめてください。", "Please check the value of {}.";
    DraftRestored: "書きかけの記録を復元しました。まだ保存されていません。", "What you had begun is back. It is not saved yet.";
    DraftDiscard: "書きかけを破棄", "Discard it";
    NoteShared: "同意で選ばれた施設と共有されます。", "Shared with the facilities that the consent names.";

    // Consent and linking
    GiveConsent: "同意を記録", "Record a consent";
    Blanket: "一括同意", "Blanket consent";
    BlanketHint: "現在参加しているすべての施設", "All facilities that take part now";
    Specific: "個別同意", "Specific consent";
    SpecificHint: "下で選んだ施設だけ", "Only the facilities chosen below";
    ConsentFacilities: "公開範囲(施設)", "Scope (facilities)";
    Discloses: "開示施設", "discloses";
    Views: "閲覧施設", "views";
    Until: "期限", "Until";
    NoEnd: "期限なし", "No end";
    UntilHint: "空欄なら期限なし", "Leave empty for no end";
    Proxy: "代理人", "Proxy";
    ProxyHint: "本人以外が同意した場合の氏名・続柄", "Name and relation, if not the patient";
    ConsentActive: "有効", "In force";
    ConsentExpired: "期限切れ", "Expired";
    ConsentWithdrawn: "同意撤回", "Withdrawn";
    ConsentUnknown: "確認中(許可の受信待ち)", "Not known: its grants are not held here";
    WithdrawnAt: "{} 撤回({})", "withdrawn {} ({})";
    Withdraw: "同意を撤回", "Withdraw";
    WithdrawAsk: "この同意を撤回しますか。", "Withdraw this consent?";
    WithdrawHint: "選ばれていた施設には、以後の記録が届かなくなります。回線が切れている端末には、つながり次第伝わります。", "The facilities named will receive nothing new. Devices that are offline hear of it as soon as they connect.";
    WithdrawConfirm: "撤回を確定", "Confirm withdrawal";
    ConsentConfirm: "同意を確定", "Confirm consent";
    ConsentReview: "内容を確かめてください", "Please check";
    GivenAt: "記録", "Recorded";
    NoConsent: "同意は記録されていません。", "No consent is recorded.";
    ConsentSaved: "同意を記録しました。", "The consent is recorded.";
    ConsentWithdrawnSaved: "同意の撤回を記録しました。", "The withdrawal is recorded.";
    ErrNoFacility: "施設を1つ以上選んでください。", "Please choose at least one facility.";
    ErrDate: "日付は 2027-03-31 の形で、今日以降を入力してください。", "Please enter a date from today on, such as 2027-03-31.";
    LinkedIds: "紐付いている患者ID", "Linked patient IDs";
    LinkTitle: "患者の紐付け(名寄せ)", "Patient linking";
    LinkHint: "紐付けには二人の職員の確認が要ります。一人が提案し、別の職員が確定します。", "A link needs two members of staff: one proposes it, another confirms it.";
    LinkWaitingTitle: "紐付け待ちの患者", "Patients to link";
    LinkProposals: "確定待ち", "Waiting for the second person";
    LinkDone: "紐付け済み", "Linked";
    LinkCandidates: "当施設の候補", "Candidates here";
    NetworkPatient: "連携患者", "Network patient";
    LocalPatient: "当施設の患者", "Our patient";
    Propose: "この患者と紐付ける", "Propose this link";
    ProposeById: "患者IDで指定", "By patient ID";
    Confirm: "確定", "Confirm";
    Reject: "却下", "Reject";
    ProposedBy: "提案", "Proposed by";
    ConfirmedBy: "確定", "Confirmed by";
    SecondPersonNeeded: "ご自身の提案です。別の職員が確定してください。", "This is your own proposal: another member of staff has to confirm it.";
    Same: "一致", "same";
    Differs: "相違", "differs";
    LinkProposed: "提案しました。別の職員の確定を待っています。", "Proposed. Another member of staff has to confirm it.";
    LinkConfirmed: "紐付けを確定しました。", "The link is confirmed.";
    LinkRejected: "提案を却下しました。", "The proposal is rejected.";
    NoCandidates: "候補が見つかりません。", "No candidates.";
    AllLinked: "紐付け待ちの患者はいません。", "Nobody is waiting to be linked.";

    // Sync page
    Relay: "中継サーバ", "Relay";
    RelayHeard: "中継サーバとの最後の通信", "Last word from the relay";
    Publishers: "受信元の施設", "Facilities we receive from";
    PatientCount: "患者数", "Patients";
    Held: "受信済", "Held";
    Missing: "不足", "Missing";
    WaitingForKey: "鍵待ち", "Waiting for key";
    NeedsUpdate: "更新が必要", "Need an update";
    LastHeard: "最後の受信", "Last heard";
    Queued: "送信待ち", "Queued";
    NothingOutgoing: "送信待ちはありません。", "Nothing is queued.";
    RefusedTitle: "拒否した受信", "Refused on receipt";
    RefusedHint: "署名や権限を確かめられなかったもの。記録には加えていません。", "What failed the checks of signature or right. None of it is in the records.";
    NothingRefused: "拒否した受信はありません。", "Nothing was refused.";
    Cause: "理由", "Cause";
    Count: "件数", "Count";
    When: "日時", "When";
    What: "内容", "What";

    // Quarantine
    QuarantineTitle: "取込保留", "Quarantined";
    QuarantineHint: "そのままでは取り込めなかったもの。捨てずに保管しています。", "What could not be taken as it is. It is kept, not dropped.";
    QuarantineImport: "取込エラー", "Import";
    QuarantineLateWrite: "失効後の書込み", "Written after access had ended";
    QuarantineFork: "番号の重複", "Two with one number";
    QuarantineTooNew: "新しい形式", "Newer format";
    QuarantineUnreadable: "読取不能", "Unreadable";
    PlaceInFile: "ファイル内の位置", "Place in the file";
    RetryImport: "もう一度取り込む", "Try again";
    RetryTaken: "すべて取り込みました。", "All of it was taken.";
    RetryStillHeld: "まだ取り込めない記録があります。", "Some of it still cannot be taken.";
    RetryGone: "元のファイルが見つかりません。もう一度渡していただくか、取込をやめてください。", "The file is not where it was. Hand it in again, or discard it.";
    DiscardImport: "取込をやめる", "Discard";
    DiscardReason: "取込をやめる理由", "Why it is discarded";
    DiscardHint: "操作ログに残ります。", "It is kept in the access log.";
    DiscardConfirm: "取込をやめて一覧から外す", "Take it off the list";
    DiscardDone: "一覧から外しました。理由は操作ログに残しました。", "It is off the list. The reason is in the access log.";
    ErrReason: "理由を200文字以内で入力してください。", "Please give a reason of at most 200 characters.";
    NothingQuarantined: "取込保留はありません。", "Nothing is quarantined.";
    Size: "大きさ", "Size";
    Bytes: "{} バイト", "{} bytes";

    // Access log
    AccessLogTitle: "操作ログ", "Access log";
    AccessLogOf: "この患者の操作ログ", "Access log of this patient";
    ChainWhole: "ログの連鎖は途切れていません", "The log's chain is whole";
    ChainBroken: "ログの連鎖が途切れています。事務局に連絡してください。", "The log's chain is broken. Please call the secretariat.";
    Who: "職員", "Staff";
    DidSignIn: "サインイン", "Signed in";
    DidSignInRefused: "サインイン拒否", "Sign-in refused";
    DidSignOut: "サインアウト", "Signed out";
    DidSearch: "患者検索", "Searched";
    DidOpenPatient: "患者を閲覧", "Opened patient";
    DidOpenRecord: "記録を閲覧", "Opened record";
    DidWriteNote: "ケア記録を記入", "Wrote care note";
    DidGiveConsent: "同意を記録", "Recorded consent";
    DidWithdraw: "同意撤回を記録", "Recorded withdrawal";
    DidLink: "紐付け", "Linked";
    DidChangeStaff: "職員を変更", "Changed staff";
    DidRetryImport: "取込保留を再取込", "Retried a quarantined file";
    DidDiscardImport: "取込保留の取込を中止", "Discarded a quarantined file";
    DidReadLog: "操作ログを閲覧", "Read access log";

    // Staff and settings
    StaffTitle: "職員アカウント", "Staff accounts";
    AddStaff: "職員を追加", "Add staff";
    Role: "職種", "Role";
    Doctor: "医師", "Doctor";
    Nurse: "看護師", "Nurse";
    Pharmacist: "薬剤師", "Pharmacist";
    Clerk: "事務", "Clerk";
    Administrator: "管理者", "Administrator";
    AdministratorHint: "職員の追加と停止ができます", "May add and stop accounts";
    Stopped: "停止中", "Stopped";
    Stop: "停止", "Stop";
    Restore: "再開", "Restore";
    ResetPassword: "パスワードを再設定", "Reset password";
    NewPassword: "新しいパスワード", "New password";
    RepeatPassword: "新しいパスワード(もう一度)", "New password, again";
    CurrentPassword: "現在のパスワード", "Current password";
    PasswordHint: "10文字以上", "At least 10 characters";
    ChangePassword: "パスワードを変更", "Change password";
    PasswordChanged: "パスワードを変更しました。", "The password is changed.";
    StaffSaved: "職員アカウントを更新しました。", "The staff account is updated.";
    ErrPasswordShort: "パスワードは10文字以上にしてください。", "The password needs at least 10 characters.";
    ErrPasswordLong: "パスワードが長すぎます。", "The password is too long.";
    ErrPasswordRepeat: "2つのパスワードが違います。", "The two passwords differ.";
    ErrPasswordWrong: "現在のパスワードが違います。", "The current password is wrong.";
    ErrLogin: "職員IDは英数字と . _ - で、1〜32文字にしてください。", "A staff ID has 1 to 32 letters, digits and . _ -";
    ErrLoginTaken: "その職員IDは使われています。", "That staff ID is taken.";
    ErrName: "氏名を入力してください。", "Please enter a name.";
    LastAdministrator: "最後の管理者は停止できません。", "The last administrator cannot be stopped.";
    AdministratorsOnly: "管理者だけが使えます。", "Only administrators can use this.";
    Language: "表示言語", "Language";
    ThisDevice: "この端末", "This device";
    Network: "ネットワーク", "Network";
    DeviceId: "端末番号", "Device ID";

    // Errors
    ErrorTitle: "表示できません", "This cannot be shown";
    ErrNotFound: "見つかりません。同意がないか、まだ届いていない可能性があります。", "Not found. There may be no consent, or it has not arrived yet.";
    ErrNotAllowed: "この操作は許可されていません。", "This is not allowed.";
    ErrChanged: "ほかの人が先に変更しました。開き直してご確認ください。", "Someone else changed it first. Please open it again.";
    ErrInvalid: "入力に誤りがあります。", "The input is not valid.";
    ErrDisk: "保存できませんでした。ディスクの空きを確認してください。入力は保存されていません。", "It could not be saved. Please check the disk. Nothing was stored.";
    ErrNewer: "この記録は新しいプログラムで書かれており、この端末ではまだ表示できません。記録は保管されています。プログラムを更新すると表示されます。", "A newer program wrote this record, and this device cannot show it yet. It is kept, and shown once the program is updated.";
    ErrUnavailable: "プログラムが停止中です。しばらくしてから開き直してください。", "The program is stopping. Please try again shortly.";
    ErrForm: "この画面は古くなっています。開き直してから、もう一度お試しください。", "This page is out of date. Please open it again and retry.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::fold::is_japanese;

    #[test]
    fn every_word_is_there_in_both_languages() {
        for word in Word::ALL {
            let (ja, en) = word.both();
            assert!(!ja.trim().is_empty() && !en.trim().is_empty(), "{word:?}");
            assert_eq!(ja.matches("{}").count(), en.matches("{}").count(), "{word:?}: gaps");
            let shows_a_form = matches!(word, Word::OtherLanguage | Word::SearchHint);
            assert!(!is_japanese(en) || shows_a_form, "{word:?}: {en}");
            let same_in_both = matches!(word, Word::Spo2 | Word::OtherLanguage | Word::PerMinute);
            let gap_only = ja.replace("{}", "").chars().all(|c| !c.is_alphabetic());
            assert!(is_japanese(ja) || same_in_both || gap_only, "{word:?}: {ja}");
        }
    }

    #[test]
    fn the_vocabulary_is_on_the_screens() {
        let wanted = [
            "患者ID",
            "紐付け",
            "同意",
            "一括同意",
            "個別同意",
            "同意撤回",
            "公開範囲",
            "代理人",
            "診療日",
            "病名",
            "アレルギー",
            "処方",
            "検体検査",
            "基準値",
            "画像",
            "バイタル",
            "看護記録",
            "最終同期",
            "未送信",
            "送信待ち",
            "送達",
            "オフライン",
            "要確認",
            "取込保留",
            "確定",
            "訂正",
            "取消",
            "版",
            "履歴",
            "署名",
            "操作ログ",
            "開示施設",
            "閲覧施設",
            "中継サーバ",
            "連携",
        ];
        for term in wanted {
            assert!(Word::ALL.iter().any(|word| word.both().0.contains(term)), "{term}");
        }
    }

    #[test]
    fn gaps_are_filled_in_order() {
        assert_eq!(Lang::Ja.fill(Word::ShowingOf, &["1", "20", "300"]), "1〜20 / 300 件");
        assert_eq!(Lang::En.count(Word::Unsent, 14_400_u64), "14,400 unsent");
    }
}
