package main

import (
	"fmt"
	"html/template"

	"shop/internal/shop"
)

// shade are a material's three tones: the thing, its dark and its light side.
type shade struct{ main, dark, light string }

var shades = map[string]shade{
	"oak": {"#c39a6b", "#8a6440", "#e3c9a5"}, "clay": {"#b9694d", "#874531", "#dca58f"}, "linen": {"#d8cbb2", "#a3947a", "#efe8d9"},
	"copper": {"#c07a52", "#8a4c2c", "#ebb995"}, "glass": {"#8fb5b4", "#587f80", "#cfe3e0"}, "wool": {"#8d9388", "#5f665c", "#c3c8bd"},
	"cork": {"#b08d63", "#7b5e3c", "#d9c09c"}, "paper": {"#e4d9c3", "#b1a284", "#f6f0e3"},
}

var grounds = []string{"#e9e2d2", "#dfe6dc", "#e6dcd6", "#dbe4e6", "#eae4da", "#e0e0d4"}

// drawings are the things themselves on a ground of 200 by 200: %[1]s is the
// thing's tone, %[2]s its dark and %[3]s its light one.
var drawings = map[string]string{
	"lamp":     `<path d="M56 112h88l46 60H10z" fill="#fff" opacity=".28"/><path d="M76 46h48q4 0 6 5l20 56q1 5-5 5H55q-6 0-5-5l20-56q2-5 6-5z" fill="%[1]s"/><path d="M76 46h16L72 112H55q-6 0-5-5l20-56q2-5 6-5z" fill="%[3]s"/><path d="M97 112h6v46h-6z" fill="%[2]s"/><rect x="68" y="156" width="64" height="10" rx="5" fill="%[2]s"/>`,
	"chair":    `<path d="M68 122l-8 48M132 122l8 48M84 122v44M116 122v44" stroke="%[2]s" stroke-width="7" stroke-linecap="round"/><rect x="62" y="36" width="76" height="66" rx="20" fill="%[1]s"/><path d="M82 46v46M100 46v46M118 46v46" stroke="%[2]s" stroke-width="4" stroke-linecap="round" opacity=".55"/><rect x="52" y="104" width="96" height="22" rx="11" fill="%[3]s"/><rect x="52" y="114" width="96" height="12" rx="6" fill="%[1]s"/>`,
	"mug":      `<path d="M132 86c36-8 38 50 0 48" fill="none" stroke="%[2]s" stroke-width="11"/><path d="M56 66h80v78q0 22-22 22H78q-22 0-22-22z" fill="%[1]s"/><path d="M56 66h22v100q-22 0-22-22z" fill="%[3]s"/><path d="M56 104h80v14H56z" fill="%[2]s" opacity=".4"/><ellipse cx="96" cy="66" rx="40" ry="9" fill="%[2]s"/><path d="M84 46q8-8 0-18M106 46q8-8 0-18" stroke="#fff" stroke-width="4" fill="none" stroke-linecap="round" opacity=".7"/>`,
	"vase":     `<path d="M98 60Q72 46 75 24M102 60q24-12 22-32M100 60V18" stroke="#6d8062" stroke-width="3.5" fill="none" stroke-linecap="round"/><circle cx="75" cy="26" r="8" fill="#d9a58b"/><circle cx="125" cy="29" r="7" fill="#e5c48d"/><circle cx="100" cy="20" r="8" fill="#c98b78"/><path d="M84 56h32q0 24 20 40t12 46q-6 28-48 28t-48-28q-8-30 12-46t20-40z" fill="%[1]s"/><path d="M84 56h12q0 30-14 46t-12 42q4 22 22 26-34-2-40-28-8-30 12-46t20-40z" fill="%[3]s"/><rect x="80" y="52" width="40" height="8" rx="4" fill="%[2]s"/>`,
	"clock":    `<circle cx="100" cy="102" r="64" fill="%[2]s"/><circle cx="100" cy="98" r="64" fill="%[1]s"/><circle cx="100" cy="98" r="50" fill="%[3]s"/><path d="M100 56v8M100 132v8M58 98h8M134 98h8" stroke="%[2]s" stroke-width="4" stroke-linecap="round"/><path d="M100 98V70M100 98l20 12" stroke="#3a352c" stroke-width="5" stroke-linecap="round"/><circle cx="100" cy="98" r="5" fill="#3a352c"/>`,
	"stool":    `<path d="M70 84l-14 84M130 84l14 84M92 84l-4 80M108 84l4 80" stroke="%[2]s" stroke-width="7" stroke-linecap="round"/><path d="M62 136h76" stroke="%[2]s" stroke-width="5"/><ellipse cx="100" cy="84" rx="58" ry="18" fill="%[2]s"/><ellipse cx="100" cy="76" rx="58" ry="18" fill="%[1]s"/><ellipse cx="92" cy="73" rx="38" ry="10" fill="%[3]s" opacity=".7"/>`,
	"basket":   `<path d="M62 90a38 50 0 0 1 76 0" fill="none" stroke="%[2]s" stroke-width="8"/><path d="M46 88h108l-12 68q-2 12-14 12H72q-12 0-14-12z" fill="%[1]s"/><path d="M50 108h100M54 128h92M57 148h86M76 90l6 76M100 90v76M124 90l-6 76" stroke="%[2]s" stroke-width="3" opacity=".5"/><rect x="42" y="80" width="116" height="14" rx="7" fill="%[3]s"/>`,
	"notebook": `<rect x="64" y="42" width="86" height="124" rx="8" fill="%[2]s"/><rect x="58" y="36" width="86" height="124" rx="8" fill="%[1]s"/><path d="M58 44q0-8 8-8h10v124H66q-8 0-8-8z" fill="%[2]s" opacity=".6"/><rect x="88" y="60" width="42" height="26" rx="4" fill="%[3]s"/><path d="M95 69h28M95 77h18" stroke="%[2]s" stroke-width="3" stroke-linecap="round"/><path d="M132 36v124" stroke="%[3]s" stroke-width="4"/>`,
	"blanket":  `<rect x="36" y="130" width="128" height="34" rx="16" fill="%[2]s"/><rect x="40" y="98" width="120" height="36" rx="17" fill="%[1]s"/><rect x="44" y="66" width="112" height="36" rx="17" fill="%[3]s"/><path d="M66 66v36M78 66v36M122 66v36" stroke="%[2]s" stroke-width="5" opacity=".7"/><path d="M62 98v36M74 98v36M126 98v36" stroke="%[3]s" stroke-width="5" opacity=".8"/><path d="M120 160v14M130 160v14M140 160v14" stroke="%[2]s" stroke-width="4" stroke-linecap="round"/>`,
	"tray":     `<ellipse cx="100" cy="118" rx="76" ry="38" fill="%[2]s"/><ellipse cx="100" cy="108" rx="76" ry="38" fill="%[1]s"/><ellipse cx="100" cy="106" rx="62" ry="28" fill="%[3]s"/><ellipse cx="82" cy="96" rx="18" ry="8" fill="%[2]s" opacity=".5"/><path d="M64 74h36v18q0 8-8 8H72q-8 0-8-8z" fill="#f5efe3"/><ellipse cx="82" cy="74" rx="18" ry="5" fill="#7a5a41"/>`,
}

// art draws a product: what it is in the tones of what it is made of.
func art(p shop.Product) template.HTML {
	s, ok := shades[p.Material]
	if !ok {
		s = shades["linen"]
	}
	ground := grounds[p.ID%len(grounds)]
	return template.HTML(`<svg viewBox="0 0 200 200" preserveAspectRatio="xMidYMid slice" aria-hidden="true"><path fill="` + ground + `" d="M0 0h200v200H0z"/>` +
		`<ellipse cx="100" cy="172" rx="66" ry="8" fill="#000" opacity=".08"/>` + fmt.Sprintf(drawings[p.Kind], s.main, s.dark, s.light) + `</svg>`)
}
