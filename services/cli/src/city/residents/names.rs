//! Names of invented people, by where names come from. The lists are small: the common names of each origin, drawn with a skew, and parts from
//! which its rare ones are put together, because in a real city most family names are rare and a few are everywhere.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Where a name comes from. Says nothing about a person but how their names are written, mistyped and shared.
#[derive(Debug)]
pub struct Origin {
    /// Its word in a truth file.
    pub name: &'static str,
    /// Its share of the residents, in thousandths; after the ethnic groups of London in the 2021 census, as far as they tell of names.
    pub thousandths: u32,
    /// Of family names, those on the list, in hundredths; the rest is put together.
    pub listed_hundredths: u32,
    /// The family name stands first at home: clerks swap it with the given name more often.
    pub family_first: bool,
    /// Written in another script at home: one name has several spellings in Latin letters.
    pub transliterated: bool,
    /// Of birth dates, those registered as 1 January because no day was known, in thousandths.
    pub first_january_thousandths: u32,
    male: &'static str,
    female: &'static str,
    family: &'static str,
    stems: &'static str,
    ends: &'static str,
}

/// All of them.
pub static ORIGINS: [Origin; 13] = [
    Origin {
        name: "british",
        thousandths: 450,
        listed_hundredths: 35,
        family_first: false,
        transliterated: false,
        first_january_thousandths: 0,
        male: "James Jack Thomas Daniel George William Harry Oliver David Michael Charlie Samuel Joseph Alfie Adam Luke Robert Ryan Christopher Matthew \
               Edward Andrew Stephen Henry Anthony Nathan Peter Callum Leon Kenneth Marcus Dwayne",
        female: "Emily Chloe Olivia Sophie Grace Jessica Charlotte Emma Lucy Hannah Ella Elizabeth Katherine Rebecca Sarah Victoria Alice Rachel Susan \
                 Margaret Jade Bethany Natalie Abigail Amy Patricia Jennifer Helen Daisy Georgia Shanice Deborah",
        family: "Smith Jones Williams Brown Taylor Davies Wilson Evans Thomas Johnson Roberts Walker Wright Robinson Thompson White Hughes Edwards \
                 Green Hall Wood Harris Lewis Martin Jackson Clarke Turner Hill Cooper Ward Morris Moore Clark Baker King Allen Bennett Campbell \
                 Francis Grant Gordon Palmer Marshall Henry Barrett Reid Morgan Shaw",
        stems: "Ash Bram Cald Dun Elm Fair Gren Hart Ing Kel Lang Mar Nor Oak Pen Rad Sel Thorn Under Wal Whit York Har Bar Col Dal Eas Farn Hol Lock",
        ends: "ley ton ham worth field by wood ford croft combe stead well land more bridge den hurst shaw man er",
    },
    Origin {
        name: "irish",
        thousandths: 30,
        listed_hundredths: 60,
        family_first: false,
        transliterated: false,
        first_january_thousandths: 0,
        male: "Sean Patrick Liam Conor Declan Brendan Kevin Eamon Niall Cian Rory Finn Padraig Brian Michael John",
        female: "Siobhan Aoife Niamh Ciara Orla Maeve Bridget Mary Sinead Roisin Kathleen Nora Eileen Deirdre Grainne Aisling",
        family: "Murphy Kelly O'Sullivan Walsh O'Brien Byrne Ryan O'Connor O'Neill Reilly Doyle McCarthy Gallagher Doherty Kennedy Lynch Murray Quinn \
                 Moore Nolan",
        stems: "Mc O' Kil Bren Don Fitz Mul Tier Cul Hen",
        ends: "nan ney gan ley lan gerald han kin rick ville",
    },
    Origin {
        name: "south-asian-muslim",
        thousandths: 115,
        listed_hundredths: 75,
        family_first: false,
        transliterated: true,
        first_january_thousandths: 25,
        male: "Mohammed Ahmed Ali Hassan Hussain Ibrahim Yusuf Omar Abdul Imran Bilal Hamza Zain Tariq Rashid Kamal Shafiq Nasir Faisal Rahim Asif Usman",
        female: "Fatima Aisha Maryam Zainab Khadija Nusrat Sadia Rubina Shabana Nasreen Amina Hafsa Sumaiya Farzana Taslima Rukhsana Salma Yasmin Shahida \
                 Halima",
        family: "Khan Begum Ahmed Ali Hussain Islam Rahman Uddin Miah Akhtar Chowdhury Malik Hossain Bibi Khatun Iqbal Mahmood Sheikh Mirza Haque",
        stems: "Shah Aziz Naz Fay Jam Kar Raf Sad Mun Qur Zah Bas",
        ends: "id ur een eem ali udin eshi oor aque awi",
    },
    Origin {
        name: "punjabi",
        thousandths: 25,
        listed_hundredths: 85,
        family_first: false,
        transliterated: true,
        first_january_thousandths: 0,
        male: "Gurpreet Harjit Manpreet Jaspal Balwinder Amarjit Sukhdev Kuldip Ranjit Arjan Harpreet Jagdeep",
        female: "Harpreet Simran Jasleen Manjit Gurpreet Amandeep Parminder Rajvinder Kiran Navneet Sukhpreet Balbir",
        family: "Singh Kaur Gill Sandhu Dhillon Sidhu Grewal Bains Johal Virk",
        stems: "Bra Chee Dha Kal Man Sah Tur",
        ends: "r ma liwal si gat ota na",
    },
    Origin {
        name: "indian",
        thousandths: 65,
        listed_hundredths: 60,
        family_first: false,
        transliterated: true,
        first_january_thousandths: 5,
        male: "Raj Amit Sanjay Vijay Anil Rahul Arjun Nikhil Suresh Ravi Kumar Deepak Rohan Krishna Prakash Dinesh Hitesh Senthil",
        female: "Priya Anjali Neha Sunita Kavita Meera Pooja Lakshmi Divya Asha Nisha Rekha Geeta Anita Shreya Radha Jyoti Hetal",
        family: "Patel Shah Sharma Kumar Desai Mehta Gupta Joshi Reddy Nair Rao Iyer Fernandes Pillai Amin Parmar Chauhan Varma Thakkar Mistry",
        stems: "Chandra Siva Nava Rama Venka Tiru Bala Gana Subra Jeya",
        ends: "nathan ratnam kumar mohan moorthy singam lingam pathy raj swamy",
    },
    Origin {
        name: "west-african",
        thousandths: 75,
        listed_hundredths: 45,
        family_first: false,
        transliterated: false,
        first_january_thousandths: 8,
        male: "Emmanuel Samuel Daniel Kwame Kofi Chidi Emeka Tunde Femi Segun Yaw Kwabena David Michael Ibrahim Sunday Victor Olumide",
        female: "Grace Blessing Esther Mary Ama Abena Akosua Chioma Ngozi Funmilayo Folake Bukola Comfort Precious Deborah Ruth Temitope Efua",
        family: "Mensah Adeyemi Okafor Boateng Owusu Appiah Asante Okonkwo Adebayo Osei Balogun Eze Obi Adjei Williams Johnson Bangura Kamara Sesay Amoah",
        stems: "Ade Olu Oko Nwa Chi Oye Aki Ogun Aya Babat Fal Ola",
        ends: "wale bola yinka dele kunle nkwo chukwu tunji leye ande sanya mide",
    },
    Origin {
        name: "somali",
        thousandths: 25,
        listed_hundredths: 90,
        family_first: false,
        transliterated: true,
        first_january_thousandths: 180,
        male: "Mohamed Abdi Ahmed Hassan Yusuf Abdullahi Omar Ismail Mahad Liban Guled Farah Bashir Jama",
        female: "Fadumo Hodan Amina Halima Sahra Asha Khadra Ifrah Nimo Ayan Maryan Hibo Sagal Zamzam",
        family: "Mohamed Ali Ahmed Hassan Abdi Omar Yusuf Farah Warsame Ibrahim Jama Osman Hussein Nur",
        stems: "Abdi Abdu Nur Dah Sam War",
        ends: "rahman salam qadir din ir same",
    },
    Origin {
        name: "arabic",
        thousandths: 40,
        listed_hundredths: 55,
        family_first: false,
        transliterated: true,
        first_january_thousandths: 60,
        male: "Ahmad Mohamed Ali Omar Khaled Hussein Youssef Karim Tarek Mustafa Samir Hamid Walid Nabil",
        female: "Fatima Layla Nour Mariam Huda Rania Samira Yasmine Salma Dina Hanan Amal Noura Zahra",
        family: "Al-Hassan El-Sayed Haddad Khalil Mansour Saleh Nasser Hamdan Ibrahim Abdullah Aziz Farouk Rahimi Karimi Hosseini Amiri",
        stems: "Al- El- Ben Bou Abou Had",
        ends: "masri khouri amrani jaber said zidi nouri halabi rashid tahir",
    },
    Origin {
        name: "turkish",
        thousandths: 25,
        listed_hundredths: 60,
        family_first: false,
        transliterated: false,
        first_january_thousandths: 15,
        male: "Mehmet Mustafa Ahmet Ali Hasan Emre Burak Murat Kemal Serkan Yusuf Deniz",
        female: "Ayşe Fatma Emine Elif Zeynep Merve Özlem Sevgi Derya Gül Hatice Selin",
        family: "Yılmaz Kaya Demir Şahin Çelik Yıldız Öztürk Aydın Arslan Doğan Kılıç Aslan Çetin Koç",
        stems: "Kara Ak Öz Er Gün Tek Bay",
        ends: "doğan taş kan soy er demir bulut han",
    },
    Origin {
        name: "polish",
        thousandths: 30,
        listed_hundredths: 45,
        family_first: false,
        transliterated: false,
        first_january_thousandths: 0,
        male: "Piotr Krzysztof Andrzej Tomasz Paweł Michał Marcin Jakub Adam Łukasz Mateusz Kacper Jan Marek",
        female: "Anna Katarzyna Agnieszka Małgorzata Ewa Joanna Zofia Magdalena Monika Karolina Natalia Julia Aleksandra Beata",
        family: "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski Mazur Jankowski",
        stems: "Bor Krasn Grab Lip Mal Piotr Sob Wil Zar Brzez Czarn Gor",
        ends: "owski iński ak czyk ewicz ec nik",
    },
    Origin {
        name: "romanian",
        thousandths: 45,
        listed_hundredths: 50,
        family_first: true,
        transliterated: false,
        first_january_thousandths: 0,
        male: "Ion Andrei Alexandru Mihai Gheorghe Ionut Stefan Cristian Vasile Florin Marian Radu Bogdan Adrian",
        female: "Maria Elena Ana Ioana Andreea Mihaela Alexandra Cristina Gabriela Daniela Florentina Roxana Denisa Simona",
        family: "Popescu Ionescu Popa Radu Dumitru Stan Stoica Gheorghe Matei Ciobanu Rusu Munteanu Constantin Ivanov Petrov Georgiev",
        stems: "Con Dobr Marin Nicol Petr Teodor Vlad Bratu Cris Lup",
        ends: "escu eanu oiu ache aru oi ea",
    },
    Origin {
        name: "iberian-latin",
        thousandths: 45,
        listed_hundredths: 60,
        family_first: false,
        transliterated: false,
        first_january_thousandths: 0,
        male: "José Carlos João Luis Miguel Pedro Juan Antonio Manuel Diego Rafael Paulo André Tiago",
        female: "Maria Ana Sofia Carmen Lucía Beatriz Isabel Inês Camila Valentina Juliana Paula Rosa Fernanda",
        family: "Silva Santos Garcia Rodriguez Costa Pereira Fernandes Lopez Martinez Oliveira Gomes Gonzalez Sousa Almeida",
        stems: "Ramir Alvar Mend Carv Nasc Teix Vald Morei",
        ends: "ez es alho imento eira ivia ra ano",
    },
    Origin {
        name: "chinese-vietnamese",
        thousandths: 30,
        listed_hundredths: 90,
        family_first: true,
        transliterated: true,
        first_january_thousandths: 10,
        male: "Wei Jun Ming Hao Jian Minh Tuan Hung Kai Chun Bo Long Duc Chi",
        female: "Mei Li Xiu Ying Jing Linh Thi Hoa Lan Yan Xin Hui Mai Qian",
        family: "Chen Wang Li Zhang Liu Nguyen Wong Chan Lee Tran Le Lam Yang Huang Cheung Pham",
        stems: "Zh X Q Sh Ch Y",
        ends: "ou ue ao ang eng iang un",
    },
];

/// Spellings of one name: any of a group may be written for any other.
const SPELLINGS: &str = "Mohammed,Muhammad,Mohamed,Mohammad,Muhammed Ahmed,Ahmad Hussain,Hussein,Husain,Hossain Yusuf,Yousuf,Youssef,Yusef Aisha,Aysha,Ayesha \
    Fatima,Fatema,Fathima Maryam,Mariam,Miriam Zainab,Zaynab Begum,Begom Chowdhury,Choudhury,Chaudhry Rahman,Rehman Uddin,Udin Miah,Mia Khatun,Khatoon \
    Omar,Umar Hassan,Hasan Sean,Shaun,Shawn Conor,Connor Katherine,Catherine,Kathryn Sarah,Sara Steven,Stephen Clark,Clarke Thompson,Thomson Davies,Davis \
    Reid,Reed Allen,Allan,Alan Elizabeth,Elisabeth Singh,Sing Sandhu,Sandu Patel,Patell Lakshmi,Laxmi Krishna,Krisna Nguyen,Nguyên Zhang,Chang Wang,Wong \
    Huang,Hwang Rodriguez,Rodrigues Gonzalez,Gonzales Fernandes,Fernandez Kowalski,Kowalsky Mehmet,Mehmed Khaled,Khalid Amina,Aminah,Ameena Halima,Haleema";

/// What people are called, by the name they are registered under.
const NICKNAMES: &str = "William,Bill,Will,Billy Robert,Bob,Rob Thomas,Tom Daniel,Dan,Danny Michael,Mike,Mick James,Jim,Jamie Elizabeth,Liz,Beth \
    Katherine,Kate,Kathy Margaret,Peggy,Maggie Christopher,Chris Matthew,Matt Samuel,Sam Joseph,Joe Anthony,Tony Edward,Ed,Ted Andrew,Andy Stephen,Steve \
    Rebecca,Becky Victoria,Vicky Jessica,Jess Charlotte,Lottie Susan,Sue Patricia,Pat Jennifer,Jenny Deborah,Debbie Abigail,Abbie Kenneth,Ken Nathan,Nate \
    Patrick,Paddy Kathleen,Kath Mohammed,Mo Alexandru,Alex Aleksandra,Ola Małgorzata,Gosia Katarzyna,Kasia Krzysztof,Krzys José,Pepe Emmanuel,Emma \
    Abdullahi,Abdi Funmilayo,Funmi Temitope,Temi Gheorghe,Gigi";

impl Origin {
    /// One of them, by their shares.
    pub fn draw(rng: &mut ChaCha8Rng) -> &'static Origin {
        let all: u32 = ORIGINS.iter().map(|origin| origin.thousandths).sum();
        let mut drawn = rng.random_range(0..all);
        for origin in &ORIGINS {
            if drawn < origin.thousandths {
                return origin;
            }
            drawn -= origin.thousandths;
        }
        &ORIGINS[0]
    }

    /// A given name.
    pub fn given(&self, rng: &mut ChaCha8Rng, male: bool) -> String {
        skewed(rng, if male { self.male } else { self.female }).to_owned()
    }

    /// A family name.
    pub fn family(&self, rng: &mut ChaCha8Rng) -> String {
        if rng.random_range(0..100) < self.listed_hundredths {
            return skewed(rng, self.family).to_owned();
        }
        let (stem, end) = (any(rng, self.stems), any(rng, self.ends));
        let name = format!("{stem}{end}");
        // Mc and O', Al- and El- stand before a capital.
        let Some((before, after)) = ["Mc", "O'", "Al-", "El-"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix).map(|rest| (*prefix, rest)))
        else {
            return name;
        };
        let mut letters = after.chars();
        let first: String = letters
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .collect();
        format!("{before}{first}{}", letters.as_str())
    }
}

/// The form of a household's family name for a woman or a man of it: Kowalska of the Kowalskis, Kaur of the Singhs.
pub fn form(family: &str, male: bool) -> String {
    match (family, male) {
        ("Singh", false) => "Kaur".to_owned(),
        ("Kaur", true) => "Singh".to_owned(),
        (other, false) if other.ends_with("ski") => other
            .strip_suffix('i')
            .map_or_else(String::new, |stem| format!("{stem}a")),
        (other, _) => other.to_owned(),
    }
}

/// Another spelling of a listed name.
pub fn spelling(rng: &mut ChaCha8Rng, name: &str) -> Option<String> {
    let group = SPELLINGS
        .split_whitespace()
        .find(|group| group.split(',').any(|one| one == name))?;
    let others: Vec<&str> = group.split(',').filter(|one| *one != name).collect();
    others
        .get(rng.random_range(0..others.len().max(1)))
        .map(|one| (*one).to_owned())
}

/// What somebody of this registered name is called, where the lists know.
pub fn nickname(rng: &mut ChaCha8Rng, name: &str) -> Option<String> {
    let group = NICKNAMES
        .split_whitespace()
        .find(|group| group.split(',').next() == Some(name))?;
    let called: Vec<&str> = group.split(',').skip(1).collect();
    called
        .get(rng.random_range(0..called.len().max(1)))
        .map(|one| (*one).to_owned())
}

/// One of a list whose first names are the most frequent: the n-th about as often as the harmonic tail from n on. In integers, so that every
/// machine draws the same.
fn skewed(rng: &mut ChaCha8Rng, list: &'static str) -> &'static str {
    let count = list.split_whitespace().count().max(1);
    let below = rng.random_range(0..count);
    let place = rng.random_range(0..=below);
    list.split_whitespace().nth(place).unwrap_or_default()
}

fn any(rng: &mut ChaCha8Rng, list: &'static str) -> &'static str {
    let count = list.split_whitespace().count().max(1);
    list.split_whitespace()
        .nth(rng.random_range(0..count))
        .unwrap_or_default()
}
