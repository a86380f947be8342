//! Where people live: town names of Kurume and its neighbours are facts, the house numbers are not
//! (they lie far above those in use).

use super::dice::Dice;

/// An address without a house number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Town {
    pub(crate) city: &'static str,
    pub(crate) name: &'static str,
}

pub(crate) const PREFECTURE: &str = "福岡県";

pub(crate) fn town(dice: &mut Dice) -> Town {
    let index = dice.weighted(CITIES.iter().map(|&(_, weight, _)| weight));
    let (city, _, towns) = CITIES[index];
    Town { city, name: towns[dice.below(towns.len() as u64) as usize] }
}

#[rustfmt::skip]
const CITIES: &[(&str, u32, &[&str])] = &[
    (
        "久留米市",
        64,
        &[
            "東町", "西町", "諏訪野町", "国分町", "御井町", "御井旗崎", "津福本町", "津福今町", "荒木町荒木",
            "荒木町白口", "合川町", "東合川", "新合川", "六ツ門町", "通町", "日吉町", "城南町", "櫛原町",
            "東櫛原町", "小森野", "野中町", "上津町", "藤山町", "高良内町", "山川町", "山本町豊田", "善導寺町飯田",
            "草野町草野", "大橋町合楽", "田主丸町田主丸", "田主丸町益生田", "北野町中", "北野町今山", "城島町城島",
            "三潴町田川", "三潴町玉満", "安武町武島", "大善寺町宮本", "長門石", "梅満町", "白山町", "南", "原古賀町",
            "篠山町", "瀬下町", "京町", "宮ノ陣", "太郎原町",
        ],
    ),
    ("小郡市", 10, &["小郡", "大保", "三沢", "津古", "力武", "祇園"]),
    ("うきは市", 6, &["吉井町", "浮羽町朝田", "浮羽町浮羽"]),
    ("三井郡大刀洗町", 4, &["大字本郷", "大字山隈", "大字冨多"]),
    ("三潴郡大木町", 4, &["大字八町牟田", "大字蛭池", "大字前牟田"]),
    ("八女郡広川町", 4, &["大字新代", "大字日吉", "大字広川"]),
    ("八女市", 4, &["本町", "吉田", "立花町山崎"]),
    ("筑後市", 4, &["大字山ノ井", "大字和泉", "大字羽犬塚"]),
];
